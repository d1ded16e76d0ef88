"""``revtrace demo --hosts``."""

from __future__ import annotations

import pytest

from revtrace.cli import hosts
from revtrace.cli.main import main


def test_without_hosts_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hosts, "missing", lambda: ["autograd", "torch", "jax", "pytensor"])
    assert main(["demo", "--hosts", "-n", "20"]) == 0
    out = capsys.readouterr().out
    assert "pip install torch" in out
    assert "revtrace alone" in out


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("host, rows", [("autograd", 1), ("torch", 3), ("jax", 2), ("pytensor", 2)])
def test_rows(host: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(host)
    monkeypatch.setattr(hosts, "missing", lambda: [name for name in hosts._HOSTS if name != host])
    primal, bare, found = hosts.measured(20, 0.001)
    assert [row.host.partition(",")[0] for row in found] == [host] * rows
    assert all(row.wrapped.least <= row.wrapped.median for row in found)
    cells = hosts.table(primal, bare, found)
    assert len({len(row) for row in cells}) == 1
    assert len(cells) == rows + 3
