"""The comparison with peers in its quick form: it agrees before it times, and says what it skips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools import peers
from tools.peer_code import NAMES, PEERS, Peer, problem


def test_quick_form(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "peers.png"
    peers.main(["scan", "horner", "--quick", "--plot", str(picture)])
    said = capsys.readouterr().out
    for peer in PEERS:
        assert peer.name in said
        if peer.missing():
            assert f"{peer.name} is skipped" in said
    assert "| scan |" in said and "| horner |" in said and "geometric mean" in said
    assert picture.exists() == ("no picture" not in said)


def test_a_gradient_that_differs_is_not_timed() -> None:
    def wrong(name: str, active: tuple[object, ...], rest: tuple[object, ...]) -> object:
        return lambda: (0.0, tuple(np.zeros_like(x) for x in active))

    liar = Peer("liar", (), "", wrong)  # type: ignore[arg-type]
    chosen = [peer for peer in PEERS if peer.name == "revtrace"] + [liar]
    with pytest.raises(SystemExit, match="liar and revtrace disagree on scan"):
        peers.measure("scan", chosen, small=True, repeats=1)


@pytest.mark.parametrize("name", NAMES)
def test_every_problem_is_there(name: str) -> None:
    active, rest = problem(name, small=True)
    assert active and all(np.asarray(x).dtype.kind == "f" for x in active)
    assert isinstance(rest, tuple)


def test_unknown_kernels() -> None:
    with pytest.raises(SystemExit):
        peers.main(["nothing"])


def test_a_call_without_an_end_is_given_up() -> None:
    def endless(name: str, active: tuple[object, ...], rest: tuple[object, ...]) -> object:
        def call() -> None:
            while True:
                pass

        return call

    slow = Peer("slow", (), "", endless, compiles=False)  # type: ignore[arg-type]
    (found,) = peers.measure("scan", [slow], small=True, repeats=1, longest=0.05)
    assert found.ratio == np.inf
    assert "| scan | over 0 s |" in peers.table([found], [slow])
