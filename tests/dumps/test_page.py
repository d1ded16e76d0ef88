"""The page: well formed, without a network, linked, and readable in light and dark in a real browser."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dumps.functions import CALLS, browser, dumped, line_of, opened, recurrent, smooth

VOID = {"meta", "br"}


class Checker(HTMLParser):
    """Refuses tags that do not match; collects references and lines."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []
        self.lines: set[str] = set()
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.references.append(value or "")
            if name == "data-line":
                self.lines.add(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "smooth.html"
    path.write_text(dumped(smooth, CALLS[1][1]).html())
    return path


def test_it_is_well_formed_and_whole(page: Path) -> None:
    checker = Checker()
    checker.feed(page.read_text())
    assert not checker.open and not checker.references
    assert "http" not in page.read_text() and "@import" not in page.read_text()
    assert {"svg", "script", "style", "table"} <= checker.tags
    assert f"functions.py:{line_of(smooth, 'u[i] +=')}" in checker.lines


def summed(x: Any) -> Any:
    s = 0.0
    for v in x:
        t = math.tanh(v)
        s += t * t
    return s


def test_what_is_kept_is_what_the_dump_says() -> None:
    # Compiled, this loop is reversed as it runs; as it is written, its tanh would be kept.
    seen = dumped(summed, (np.ones(9),))
    assert seen.kept == 0
    text = seen.html()
    assert "Nothing is kept" in text and "Bytes of kept values" not in text and "72 B" not in text
    assert "Magnitudes of adjoints over the " in text and "t = 0.761594, adjoint 1.52319" in text
    seen = dumped(recurrent, (0.5, 0.25, np.ones(100)))
    assert "Bytes of kept values over the" in seen.html() and "at most 800 bytes" in seen.html()


def test_answers_of_one_line_and_kind_share_a_row() -> None:
    text = dumped(lambda r, x: abs(1.0 / (r + 1j * x)) ** 2, (1.0, 2.0)).html()
    assert text.count("computed again from values at hand") <= 2


POINT = """<script>
const line = document.querySelector('[data-line$=":%d"]');
line.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
const marked = pane => document.querySelectorAll(".pane")[pane].querySelectorAll(".on").length;
document.title = [marked(0), marked(1), marked(2), matchMedia("(prefers-color-scheme: dark)").matches,
  getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color,
  document.documentElement.scrollWidth <= innerWidth].join("; ");
</script>"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme, dark", [(0, True), (1, False)])
def test_in_a_browser(page: Path, tmp_path: Path, scheme: int, dark: bool) -> None:
    browser()
    pointed = tmp_path / "pointed.html"
    pointed.write_text(page.read_text() + POINT % line_of(smooth, "u[i] +="))
    document = opened(
        pointed, tmp_path / "profile", f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1400,900"
    )
    found = re.search("<title>(.*?)</title>", document)
    assert found is not None
    source, forward, backward, is_dark, back, front, fits = found[1].split("; ")
    # The line, and what is told below it of the recorded run.
    assert int(source) == 2 and int(forward) > 5 and int(backward) > 5
    assert is_dark == str(dark).lower() and fits == "true"
    shade = [sum(map(int, re.findall(r"\d+", colour))) for colour in (back, front)]
    assert (shade[0] < 150 < 500 < shade[1]) if dark else (shade[1] < 150 < 700 < shade[0])
