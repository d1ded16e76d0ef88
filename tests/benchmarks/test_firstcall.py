"""``python -m tools.firstcall`` finds the stages it times, wherever they are now."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_every_stage_of_a_first_call_is_timed(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "tools.firstcall", "--match", "lotka", "--json", str(out)]
    subprocess.run(command, cwd=Path(__file__).parents[2], check=True, capture_output=True, timeout=120)
    rows = json.loads(out.read_text())
    assert rows
    for row in rows:
        assert row["failed"] is None
        assert all(row[stage] > 0.0 for stage in ("trace", "passes", "source", "front", "lower", "llvm", "machine"))
        assert row["rest"] < 0.5 * row["total"]
