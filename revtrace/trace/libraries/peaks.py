"""``scipy.signal.find_peaks``: which samples are peaks, how far they stand out, and how wide they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from revtrace.trace.libraries.register import stands_for

__all__: list[str] = []


@stands_for("scipy.signal._peak_finding_utils._local_maxima_1d")
def local_maxima(x: Any) -> Any:
    """Middles and ends of the level parts that are higher than what is beside them."""
    n = x.shape[0]
    found = np.zeros((3, n), np.intp)
    count, i = 0, 1
    while i < n - 1:
        if x[i - 1] < x[i]:
            ahead = i + 1
            while ahead < n - 1 and x[ahead] == x[i]:
                ahead += 1
            if x[ahead] < x[i]:
                found[0, count], found[1, count], found[2, count] = (i + ahead - 1) // 2, i, ahead - 1
                count += 1
                i = ahead
        i += 1
    return found[0, :count], found[1, :count], found[2, :count]


@stands_for("scipy.signal._peak_finding_utils._select_by_peak_distance")
def select_by_distance(peaks: Any, priority: Any, distance: Any) -> Any:
    """Which peaks are left when those too near to a higher one are taken out."""
    n = peaks.shape[0]
    least = np.ceil(distance)
    keep = np.ones(n, np.bool_)
    order = np.argsort(priority)
    for i in range(n - 1, -1, -1):
        j = order[i]
        if keep[j]:
            k = j - 1
            while k >= 0 and peaks[j] - peaks[k] < least:
                keep[k] = False
                k -= 1
            k = j + 1
            while k < n and peaks[k] - peaks[j] < least:
                keep[k] = False
                k += 1
    return keep


@stands_for("scipy.signal._peak_finding_utils._peak_prominences")
def peak_prominences(x: Any, peaks: Any, wlen: Any) -> Any:
    """How far peaks stand out, and the lowest samples on the way to a higher one at either side."""
    n = peaks.shape[0]
    found = np.zeros(n)
    left, right = np.zeros(n, np.intp), np.zeros(n, np.intp)
    for j in range(n):
        peak = peaks[j]
        first, last = 0, x.shape[0] - 1
        if wlen >= 2:
            first, last = max(peak - wlen // 2, first), min(peak + wlen // 2, last)
        low = [0, 0]
        for side in range(2):
            at = i = peak
            while first <= i <= last and x[i] <= x[peak]:
                if x[i] < x[at]:
                    at = i
                i = i + 1 if side else i - 1
            low[side] = at
        left[j], right[j] = low[0], low[1]
        found[j] = x[peak] - max(x[low[0]], x[low[1]])
    return found, left, right


@stands_for("scipy.signal._peak_finding_utils._peak_widths")
def peak_widths(x: Any, peaks: Any, rel_height: Any, prominences: Any, left_bases: Any, right_bases: Any) -> Any:
    """Widths of peaks at a part of their prominences: between the places where lines between samples cross it."""
    n = peaks.shape[0]
    widths, heights, lefts, rights = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for j in range(n):
        peak, first, last = peaks[j], left_bases[j], right_bases[j]
        height = x[peak] - prominences[j] * rel_height
        i = peak
        while first < i and height < x[i]:
            i -= 1
        left = i * 1.0
        if x[i] < height:
            left += (height - x[i]) / (x[i + 1] - x[i])
        i = peak
        while i < last and height < x[i]:
            i += 1
        right = i * 1.0
        if x[i] < height:
            right -= (height - x[i]) / (x[i - 1] - x[i])
        widths[j], heights[j], lefts[j], rights[j] = right - left, height, left, right
    return widths, heights, lefts, rights
