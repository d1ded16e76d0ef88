"""Small pictures in SVG, coloured by the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

__all__ = ["area", "stems"]

_WIDTH, _HEIGHT = 640, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 26


def area(points: Sequence[tuple[int, float]], length: int, turn: int | None, unit: Callable[[float], str]) -> str:
    """Return a filled curve over steps, from zero up.

    Parameters
    ----------
    points : sequence of (int, float)
        Steps and values, in order.
    length : int
        Steps of the whole run.
    turn : int or None
        Where the backward sweep begins.
    unit : callable
        Writes a value.
    """
    most = max((v for _, v in points), default=0.0) or 1.0
    x = _across(length)

    def y(v: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * v / most

    path = [f"M{x(0):.1f},{y(0):.1f}"]
    before = 0.0
    for step, value in points:
        path += [f"L{x(step):.1f},{y(before):.1f}", f"L{x(step):.1f},{y(value):.1f}"]
        before = value
    path += [f"L{x(length):.1f},{y(before):.1f}", f"L{x(length):.1f},{y(0):.1f}Z"]
    curve = f'<path class="area" d="{"".join(path)}"/>'
    return _framed(curve, length, turn, [(y(0), unit(0.0)), (y(most / 2), unit(most / 2)), (y(most), unit(most))])


def stems(points: Sequence[tuple[int, float]], length: int, turn: int | None) -> str:
    """Return magnitudes over steps on a logarithmic scale; zeros are left out."""
    logs = [(step, math.log10(value)) for step, value in points if value > 0.0]
    low = math.floor(min((v for _, v in logs), default=0.0))
    high = math.ceil(max((v for _, v in logs), default=1.0))
    if high == low:
        high += 1
    x = _across(length)

    def y(v: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (v - low) / (high - low)

    dots = "".join(f'<circle class="dot" cx="{x(s):.1f}" cy="{y(v):.1f}" r="2"/>' for s, v in logs)
    middle = (low + high) // 2
    ticks = [(y(v), f"1e{v}") for v in sorted({low, middle, high})]
    return _framed(dots, length, turn, ticks)


def _across(length: int) -> Callable[[float], float]:
    return lambda step: _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / max(1, length)


def _framed(content: str, length: int, turn: int | None, ticks: Sequence[tuple[float, str]]) -> str:
    x = _across(length)
    base = _HEIGHT - _BOTTOM
    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">']
    for at, text in ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{text}</text>')
    parts.append(content)
    if turn is not None:
        parts.append(f'<line class="turn" x1="{x(turn):.1f}" x2="{x(turn):.1f}" y1="{_TOP}" y2="{base}"/>')
        # Below the axis, where no curve is, and not on the texts of its ends.
        middle = min(max(x(turn), _LEFT + 110), _WIDTH - _RIGHT - 150)
        place = f'x="{middle:.1f}" y="{_HEIGHT - 8}" text-anchor="middle"'
        parts.append(f'<text class="tick" {place}>backward from step {turn + 1}</text>')
    parts.append(f'<text class="tick" x="{_LEFT}" y="{_HEIGHT - 8}">step 0</text>')
    parts.append(f'<text class="tick" x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 8}" text-anchor="end">step {length}</text>')
    return "".join(parts) + "</svg>"
