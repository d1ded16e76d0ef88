"""The running CPython has no opcode that the version table does not classify."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from revtrace.decode import table

ROOT = Path(__file__).parents[2]


def run(program):
    return subprocess.run([sys.executable, *program], cwd=ROOT, capture_output=True, text=True, check=False)


def test_every_opcode_is_classified():
    done = run(["-m", "tools.opcodes"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "unclassified" not in done.stdout
    assert "mapped       BINARY_OP" in done.stdout
    assert "refused      GET_AWAITABLE" in done.stdout


def test_an_unclassified_opcode_fails_and_is_named():
    program = "import dis; dis.opmap['NEW_OPCODE'] = 7; from tools.opcodes import main; raise SystemExit(main())"
    done = run(["-c", program])
    assert done.returncode == 1
    assert "unclassified: NEW_OPCODE;" in done.stdout


def test_an_unclassified_opcode_is_refused_in_code():
    assert table.row("NEW_OPCODE").status == "unclassified"
    assert table.row("NEW_OPCODE").make is None
    assert table.row("NEW_OPCODE").reason
