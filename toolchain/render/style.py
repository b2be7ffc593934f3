"""The style sheet of pages; pictures take their colours from it."""

from __future__ import annotations

_LIGHT = """--page: #fff; --text: #1b2530; --faint: #5a6876; --line: #dfe5eb; --soft: #f4f6f8;
--note: #fff4d6; --edge: #d9a400; --roof: #c8323c; --link: #1f5fae; --whole: #111;
--busy: #3f78b5; --wait: #e9a13b; --idle: #dde3e9; --bound: #c8323c;"""
_DARK = """--page: #14191f; --text: #e3e9ef; --faint: #9aa8b6; --line: #2c3641; --soft: #1c232b;
--note: #352c10; --edge: #d9a400; --roof: #ff7b83; --link: #7db4f5; --whole: #fff;
--busy: #3d7fc4; --wait: #d18f33; --idle: #2c3641; --bound: #ff7b83;"""

_OPERATIONS = (
    "#6f9bc8 #f5a04c #74b768 #e8797b #83c5c0 #ecd063 "
    "#c191b7 #b58c77 #ffb0bb #a7b8cc #d98aa8 #a3d394"
)
"""Of operations, by their number, over and over: light enough for dark letters on them."""

_RULES = """
* { box-sizing: border-box; }
body { font: 14px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; color: var(--text);
  background: var(--page); margin: 0 auto; max-width: 1280px; padding: 24px 20px 60px; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 0 6px; overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 40px 0 10px; padding-top: 8px; border-top: 1px solid var(--line); }
h3 { font-size: 14px; margin: 20px 0 6px; overflow-wrap: anywhere; }
p { margin: 6px 0; } p.small, figcaption { color: var(--faint); font-size: 12.5px; }
p.note { background: var(--note); border-left: 4px solid var(--edge); padding: 8px 12px; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 14px 0; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
ul { margin: 6px 0; padding-left: 20px; } li { overflow-wrap: anywhere; }
dl { display: flex; flex-wrap: wrap; gap: 10px; margin: 16px 0; }
dl div { border: 1px solid var(--line); border-radius: 6px; padding: 8px 14px; min-width: 108px; }
dt { color: var(--faint); font-size: 12px; } dd { margin: 0; font-size: 18px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
th { color: var(--faint); font-weight: 600; vertical-align: bottom; }
th, td { padding: 3px 10px; border-bottom: 1px solid var(--line); text-align: left; }
td { vertical-align: top; } tbody tr:hover { background: var(--soft); }
td.number, th.number { text-align: right; } td.word { white-space: nowrap; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { overflow-wrap: anywhere; min-width: 170px; } td.text { min-width: 200px; }
details { margin: 10px 0; border: 1px solid var(--line); border-radius: 6px; padding: 6px 12px; }
summary { cursor: pointer; font-weight: 600; }
figure { margin: 10px 0 18px; } figure.small { max-width: 860px; }
svg { width: 100%; min-width: 940px; height: auto; display: block; }
figure.small svg { min-width: 620px; }
svg text { font: 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--faint); }
svg text.on { fill: #fff; pointer-events: none; }
svg text.in { fill: #1b2530; pointer-events: none; } svg text.name { fill: var(--text); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .roof { stroke: var(--roof); stroke-width: 2; fill: none; }
svg .limit { stroke: var(--bound); stroke-width: 2; }
svg .whole { fill: var(--whole); stroke: var(--page); stroke-width: 1.5; }
svg circle { stroke: var(--page); stroke-width: 0.7; }
svg .busy { fill: var(--busy); } svg .wait { fill: var(--wait); } svg .idle { fill: var(--idle); }
svg rect:hover, svg circle:hover { opacity: 0.65; }
"""


_PRINT = """
@page { size: landscape; margin: 12mm; }
body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; }
.scroll { overflow: visible; } svg, figure.small svg { min-width: 0; }
figure, tr, dl div { break-inside: avoid; } h2, h3 { break-after: avoid; }
table { font-size: 8pt; } th, td { padding: 2px 5px; } td.name, td.text { min-width: 0; }
details:not([open]) { display: none; }
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
"""
"""Paper has no room to scroll, and nobody opens what is folded."""


def _style() -> str:
    colours = "\n".join(
        f"svg .o{number} {{ fill: {colour}; }}" for number, colour in enumerate(_OPERATIONS.split())
    )
    return f"""
:root {{ {_LIGHT} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_DARK} }} }}
@media print {{ :root {{ {_LIGHT} }} }}{_RULES}{colours}
@media print {{{_PRINT}}}
"""


STYLE = _style()
"""Of every page: it follows the reader's choice of light or dark, and prints in light."""
