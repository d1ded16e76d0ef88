"""The table of specialisations."""

from __future__ import annotations

import threading
from types import FunctionType

import numpy as np

from revtrace import config
from revtrace.dispatch.records import Need
from revtrace.dispatch.steps import Step
from revtrace.dispatch.table import Table


def total(x: np.ndarray) -> float:
    return float((x * x).sum())


def table() -> Table:
    assert isinstance(total, FunctionType)
    with config.override(interpret=True, cache=False):
        return Table(total, (Step("gradient"),), config.current())


def test_what_a_call_needs_is_known_to_its_thread_only() -> None:
    one = table()
    other = threading.Thread(target=one.closer, args=(Need(sized=True),))
    other.start()
    other.join()
    assert one.find((np.ones(3),), {}).need == Need()


def test_the_next_specialisation_is_made_to_find_out_what_a_call_needs() -> None:
    one = table()
    one.closer(Need(sized=True))
    one.closer(Need(failed=frozenset({one.here})))
    assert one.find((np.ones(3),), {}).need == Need(sized=True, failed=frozenset({one.here}))
    assert one.find((np.ones((3, 3)),), {}).need == Need()
