"""Style and script of HTML pages: colours for light and dark, and the links between what belongs together."""

from __future__ import annotations

__all__ = ["SCRIPT", "STYLE"]

STYLE = """
.revtrace { --back: #ffffff; --panel: #f6f7f9; --text: #1d2330; --soft: #66708a; --rule: #d9dde5; --mark: #fff1c2;
  --same: #ffd97a; --keep: #9a5b00; --again: #1c7a3e; --undo: #8a2f8f; --adjoint: #1f4fb5; --bar: #e0a030;
  background: var(--back); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { .revtrace { --back: #14171d; --panel: #1c2028; --text: #e3e7ef; --soft: #98a2b8;
  --rule: #333a47; --mark: #3a331c; --same: #5d4d17; --keep: #f0b95a; --again: #74d193; --undo: #dc94e0;
  --adjoint: #8fb4ff; --bar: #c98a22; } }
body.revtrace { margin: 0; padding: 18px 22px 40px; }
.revtrace h1 { font-size: 20px; margin: 0 0 2px; } .revtrace h2 { font-size: 15px; margin: 22px 0 6px; }
.revtrace .soft { color: var(--soft); }
.revtrace .panes { display: grid; grid-template-columns: minmax(300px, 1.25fr) minmax(260px, 1fr) minmax(260px, 1fr);
  gap: 12px; margin-top: 14px; }
@media (max-width: 900px) { .revtrace .panes { grid-template-columns: 1fr; } }
.revtrace .pane { background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; overflow: auto;
  max-height: 72vh; }
.revtrace .pane h2 { margin: 0; padding: 7px 10px; border-bottom: 1px solid var(--rule); position: sticky; top: 0;
  left: 0; background: var(--panel); }
.revtrace .lines { font: 12.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  padding: 6px 0; min-width: max-content; }
.revtrace .line { white-space: pre; padding: 0 10px; border-left: 3px solid transparent; display: flex; gap: 10px; }
.revtrace .line .code { flex: 1; }
.revtrace .line .number { color: var(--soft); min-width: 3ch; text-align: right; user-select: none; }
.revtrace .line.op::before { content: attr(data-n); color: var(--soft); min-width: 3ch; text-align: right; }
.revtrace .line .fact { color: var(--soft); }
.revtrace .line.on { background: var(--mark); border-left-color: var(--bar); }
.revtrace .line.same { background: var(--same); }
.revtrace .keep, .revtrace .fetch { color: var(--keep); } .revtrace .again { color: var(--again); }
.revtrace .undo { color: var(--undo); } .revtrace .adjoint, .revtrace .bar { color: var(--adjoint); }
.revtrace .legend span { margin-right: 14px; }
.revtrace .gauge { width: 8ch; text-align: right; color: var(--keep); border-radius: 3px; user-select: none;
  background: linear-gradient(to left, color-mix(in srgb, var(--bar) 40%, transparent) var(--share, 0%),
  transparent 0); }
.revtrace .keepless .gauge { display: none; }
.revtrace .pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 720px)); gap: 12px; }
.revtrace figure { margin: 0; background: var(--panel); border: 1px solid var(--rule); border-radius: 6px;
  padding: 8px; }
.revtrace figcaption { color: var(--soft); padding: 0 4px 4px; }
.revtrace svg { width: 100%; height: auto; display: block; }
.revtrace .area { fill: var(--bar); fill-opacity: .45; stroke: var(--keep); stroke-width: 1.2; }
.revtrace .dot { fill: var(--adjoint); } .revtrace .grid { stroke: var(--rule); }
.revtrace .turn { stroke: var(--soft); stroke-dasharray: 4 3; } .revtrace .tick { fill: var(--soft); font-size: 11px; }
.revtrace table { border-collapse: collapse; } .revtrace td, .revtrace th { text-align: left; vertical-align: top;
  padding: 3px 14px 3px 0; border-bottom: 1px solid var(--rule); } .revtrace td.right { text-align: right; }
.revtrace code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
"""

SCRIPT = """
(function () {
  let pinned = null;
  function paint(element) {
    document.querySelectorAll(".on, .same").forEach(e => e.classList.remove("on", "same"));
    if (!element) return;
    const line = element.dataset.line, origin = element.dataset.origin;
    if (line) document.querySelectorAll('[data-line="' + CSS.escape(line) + '"]').forEach(e => e.classList.add("on"));
    if (origin && origin !== "0")
      document.querySelectorAll('[data-origin="' + origin + '"]').forEach(e => e.classList.add("same"));
  }
  document.addEventListener("mouseover", e => paint(e.target.closest("[data-line]") || pinned));
  document.addEventListener("click", e => {
    pinned = e.target.closest("[data-line]");
    paint(pinned);
    if (pinned) document.querySelectorAll(".pane").forEach(pane => {
      const first = pane.querySelector(".same") || pane.querySelector(".on");
      if (first && !pane.contains(pinned)) pane.scrollTop = first.offsetTop - pane.offsetTop - pane.clientHeight / 3;
    });
  });
})();
"""
