"""Cuts against trying every subset."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from revtrace.passes.mincut import cut


def separates(chosen: set[int], edges: set[tuple[int, int]], sources: set[int], sinks: set[int]) -> bool:
    reached = {n for n in sources if n not in chosen}
    while True:
        more = {b for a, b in edges if a in reached and b not in chosen} - reached
        if not more:
            return not reached & sinks
        reached |= more


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_cut_separates_and_none_is_cheaper(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 7))
    ids = st.integers(0, size - 1)
    weights = {n: data.draw(st.integers(1, 9)) for n in range(size)}
    edges = {(a, b) for a, b in data.draw(st.sets(st.tuples(ids, ids))) if a < b}
    sources, sinks = data.draw(st.sets(ids)), data.draw(st.sets(ids))
    found = cut(weights, edges, sources, sinks)
    assert separates(set(found), edges, sources, sinks)
    best = min(
        sum(weights[n] for n in chosen)
        for r in range(size + 1)
        for chosen in itertools.combinations(range(size), r)
        if separates(set(chosen), edges, sources, sinks)
    )
    assert sum(weights[n] for n in found) == best


def test_of_equal_cuts_the_one_nearest_the_sinks_is_taken() -> None:
    assert cut({"a": 8, "b": 8, "c": 8}, [("a", "b"), ("b", "c")], ["a"], ["c"]) == ["c"]
