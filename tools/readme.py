"""Parts of README.md as data: its code blocks, its tables, and those parts that programs write.

``python -m tools.readme`` writes the table of settings; ``python -m tools.readme tests`` prints the command
that installs and runs the tests, for ``.ci/run``.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def blocks(language: str, text: str | None = None) -> list[str]:
    """Return the contents of the code blocks of a language."""
    text = README.read_text() if text is None else text
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands() -> dict[str, str]:
    """Return the two commands for a fresh machine: ``demo`` and ``tests``."""
    demo, tests = (block.strip() for block in blocks("sh"))
    return {"demo": demo, "tests": tests}


def rows(section: str) -> list[list[str]]:
    """Return the cells of the last table of a section, without its heading."""
    text = README.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    start = max(k for k, line in enumerate(lines) if set(line) <= set("|- "))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[start + 1 :]]


def part(name: str) -> str:
    """Return what is between a part's marker and its end."""
    return _part(name).group(2)


def write_part(name: str, text: str) -> None:
    """Replace what is between a part's marker and its end."""
    found = _part(name)
    content = README.read_text()
    README.write_text(content[: found.start(2)] + text + content[found.end(2) :])


def _part(name: str) -> re.Match[str]:
    found = re.search(rf"(<!-- {name}: [^>]*-->\n)(.*?)(<!-- end -->)", README.read_text(), re.DOTALL)
    if found is None:
        raise ValueError(f"README.md has no part {name}")
    return found


def settings() -> str:
    """Return the table of settings."""
    from revtrace import config

    lines = ["| setting | variable | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{row.name}` | `{row.env}` | `{row.default!r}` | {row.doc} |" for row in config.table()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(commands()[sys.argv[1]])
    else:
        write_part("settings", settings())
