"""The look of a report: one style sheet, light and dark, phone to desktop to paper."""

from jaxseg.report._svg import SERIES, SERIES_DARK


def _variables(colours: tuple[str, ...]) -> str:
    return " ".join(f"--series-{k}: {colour};" for k, colour in enumerate(colours))


STYLE = f"""
:root {{
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --ink: #1c2026; --muted: #5b6470; --line: #dde1e7; --accent: #0b62a8;
  --mark: #e3f1e8; --warn: #fdf3dc; --warn-line: #e6c77a;
  {_variables(SERIES)}
}}
@media screen and (prefers-color-scheme: dark) {{
  :root {{
    --page: #111418; --card: #1a1e24; --ink: #e8ebef; --muted: #a3abb7; --line: #333a44; --accent: #7cc0f5;
    --mark: #1d3a2b; --warn: #35301f; --warn-line: #6f5f2d;
    {_variables(SERIES_DARK)}
  }}
}}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; }}
body {{
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
}}
main, header, footer {{ max-width: 1128px; margin: 0 auto; padding: 0 24px; }}
header {{ padding-top: 40px; }}
footer {{ padding-top: 8px; padding-bottom: 40px; color: var(--muted); font-size: 14px; }}
h1 {{ font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; overflow-wrap: anywhere; }}
h2 {{ font-size: 21px; line-height: 1.3; margin: 44px 0 6px; letter-spacing: -0.005em; }}
h3 {{ font-size: 16px; line-height: 1.4; margin: 24px 0 8px; overflow-wrap: anywhere; }}
p {{ margin: 0 0 10px; max-width: 75ch; overflow-wrap: anywhere; }}
.lead, .note {{ color: var(--muted); }}
.note {{ font-size: 14px; margin: 8px 0 0; }}
.card {{
  background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px;
  margin: 12px 0 0;
}}
.warn {{ background: var(--warn); border-color: var(--warn-line); }}
.warn ul {{ margin: 4px 0 0; padding-left: 20px; overflow-wrap: anywhere; }}
nav {{ display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 14px; font-size: 15px; }}
a {{ color: var(--accent); text-decoration: none; }}
a:hover {{ text-decoration: underline; }}
code {{
  font: 0.875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace;
  overflow-wrap: anywhere;
}}

.tiles {{
  display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin-top: 12px;
}}
.tiles .card {{ margin: 0; padding: 14px 16px; }}
.tiles b {{
  display: block; font-size: 26px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums;
}}
.tiles span {{ color: var(--muted); font-size: 14px; }}

.scroll {{ overflow-x: auto; }}
.card.scroll {{ padding: 0; }}
table {{ border-collapse: separate; border-spacing: 0; width: 100%; font-size: 15px; }}
th, td {{ padding: 9px 14px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }}
tr:last-child > * {{ border-bottom: 0; }}
thead th {{
  font-size: 13px; font-weight: 600; color: var(--muted); vertical-align: bottom;
  border-bottom: 1px solid var(--line) !important;
}}
tbody th {{
  font-weight: 550; background: var(--card); position: sticky; left: 0; min-width: min(14em, 34vw); max-width: 20em;
  overflow-wrap: anywhere;
}}
thead th:first-child {{ background: var(--card); position: sticky; left: 0; }}
.number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }}
thead .number {{ white-space: normal; }}
.main {{ font-weight: 650; }}
.best > * {{ background: var(--mark); }}
.badge {{ font-size: 12px; font-weight: 600; color: var(--accent); margin-left: 8px; white-space: nowrap; }}
td code, th code {{ white-space: pre-wrap; overflow-wrap: break-word; }}
td:has(> code) {{ max-width: 30em; }}
.path code {{ white-space: nowrap; }}
.card p:last-child {{ margin-bottom: 0; }}

.key {{
  display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 12px 0 0; padding: 0; list-style: none;
  font-size: 14px;
}}
.key li {{ display: inline-flex; align-items: center; gap: 7px; min-width: 0; overflow-wrap: anywhere; }}
.key i {{
  flex: none; width: 14px; height: 14px; border-radius: 4px; border: 1px solid rgb(128 128 128 / 0.45);
}}
.key svg {{ flex: none; width: 26px; height: 12px; }}

.plots {{
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 12px;
  margin-top: 12px;
}}
.plots.pair {{ grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); }}
.plots figure {{ margin: 0; min-width: 0; max-width: 540px; }}
figcaption {{ font-size: 14px; font-weight: 600; margin-bottom: 6px; overflow-wrap: anywhere; }}
.plot {{ display: block; width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt; }}
.plot text {{ font-family: inherit; }}

.panel {{ margin: 12px 0 0; }}
.panel h4 {{ font-size: 14px; font-weight: 600; margin: 0 0 8px; overflow-wrap: anywhere; }}
.panel figure {{ margin: 0; min-width: 0; }}
.panel figcaption {{
  font-size: 13px; font-weight: 400; color: var(--muted); margin: 4px 0 0; line-height: 1.35;
}}
.panel figcaption b {{ color: var(--ink); font-weight: 600; }}
.panel img {{ display: block; width: 100%; height: auto; border-radius: 4px; background: #000; }}
.one {{ display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); gap: 12px; }}
.many {{
  display: grid; grid-auto-flow: column; grid-template-rows: auto auto;
  grid-auto-columns: minmax(180px, 1fr); gap: 10px 12px; overflow-x: auto; padding-bottom: 4px;
}}
.many > :nth-child(-n+2) {{
  position: sticky; left: 0; z-index: 1; background: var(--card); box-shadow: 6px 0 0 var(--card);
}}
.absent {{
  display: grid; place-items: center; min-height: 90px; border: 1px dashed var(--line); border-radius: 4px;
  color: var(--muted); font-size: 13px; padding: 8px; text-align: center;
}}

details {{ background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 12px 0 0; }}
summary {{ cursor: pointer; padding: 12px 16px; font-weight: 550; overflow-wrap: anywhere; }}
details > .scroll {{ border-top: 1px solid var(--line); }}
details > .plots {{ padding: 0 12px 12px; margin: 0; }}
details table {{ font-size: 14px; }}
details th, details td {{ padding: 6px 16px; }}

@media (max-width: 720px) {{
  main, header, footer {{ padding-left: 12px; padding-right: 12px; }}
  header {{ padding-top: 22px; }}
  h1 {{ font-size: 24px; }}
  h2 {{ margin-top: 34px; }}
  .card {{ padding: 12px 10px; }}
  th, td {{ padding: 8px 10px; }}
  .tiles {{ grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; }}
  .tiles b {{ font-size: 22px; }}
  .one {{ grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; }}
  .many {{ grid-auto-columns: 44%; gap: 8px; scroll-snap-type: x proximity; scroll-padding-left: 46%; }}
  .many figure {{ scroll-snap-align: start; }}
}}
@page {{ margin: 12mm; }}
@media print {{
  body {{ background: #fff; font-size: 11pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
  main, header, footer {{ max-width: none; padding: 0; }}
  nav {{ display: none; }}
  .card, details, figure, tr {{ break-inside: avoid; }}
  h2, h3, .key {{ break-after: avoid; }}
  .scroll, .many {{ overflow: visible; }}
  .many {{ grid-auto-columns: minmax(0, 1fr); }}
  th, .many > :nth-child(-n+2) {{ position: static !important; }}
  table, details table, thead th {{ font-size: 8pt; }}
  th, td, details th, details td {{ padding: 3pt 4pt; }}
  .number {{ white-space: normal; }}
}}
"""
