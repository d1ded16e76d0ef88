"""The page: well formed, without a network, linked, and readable in light and dark in a real browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.dumps.functions import CALLS, browser, dumped, line_of, opened, smooth

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
