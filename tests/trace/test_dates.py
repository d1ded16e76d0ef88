"""Dates, times and spans: known when tracing, so that numbers computed of them are constants; the clock is refused."""

from __future__ import annotations

import datetime
from datetime import date, timedelta, timezone

import pytest

import revtrace
from revtrace.config import override
from tests.trace.agree import agrees, refuses

NOON = datetime.datetime(2021, 5, 6, 12, 30, 15)
EPOCH = date(2000, 1, 1)


def sun(latitude: float, when: datetime.datetime, n: int) -> float:
    hour = when.hour + when.minute / 60 + when.second / 3600
    later = when + n * timedelta(days=1, hours=2.5)
    days = (later.date() - EPOCH).days + (date(2020, 1, n) - EPOCH) / timedelta(hours=6)
    if later > datetime.datetime(2019, 1, 1, tzinfo=when.tzinfo):
        days += when.timetuple().tm_yday
    return latitude * hour + latitude**2 * days * (latitude if later.strftime("%b") == "May" else 1.0)


def test_of_an_argument() -> None:
    agrees(sun, 0.7, NOON, 3)
    agrees(sun, 0.7, datetime.datetime(2018, 7, 6, tzinfo=timezone.utc), 4)


def test_equal_times_of_other_zones_are_told_apart() -> None:
    here = NOON.replace(tzinfo=timezone.utc)
    there = here.astimezone(timezone(timedelta(hours=5)))
    f = revtrace.wrap(sun)
    with override(interpret=True, cache=False):
        for when in (here, there, NOON):
            assert f.value_and_grad(0.7, when, 3)[0] == pytest.approx(sun(0.7, when, 3), rel=1e-14)


def test_refusals() -> None:
    refuses(lambda x: x * date.today().day, 1.0, match="the clock read inside the function")
    refuses(lambda x: x * datetime.datetime.now().second, 1.0, match="the clock read inside the function")
    refuses(lambda x: (NOON + x * timedelta(days=1)).day * x, 1.0, match="a span of time made of a run-time number")
