/** How the report looks, on light and dark screens and on paper. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1c1d22; --soft: #5d606b; --line: #e3e3de;
  --s0: #c2410c; --s1: #2563ba; --s2: #0f8a6a; --s3: #8b46b8; --s4: #9a7400; --s5: #b3316b;
  --better: #15803d; --worse: #c2301c; --even: #5d606b; --warn: #9a6700; --band: #ecece7;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131419; --card: #1b1d24; --ink: #e9e9ee; --soft: #9ea2af; --line: #2d303a;
    --s0: #f0824f; --s1: #6ea8fa; --s2: #3ec9a0; --s3: #c08bea; --s4: #dcb44a; --s5: #ee7bab;
    --better: #4ac67c; --worse: #f47b6a; --even: #9ea2af; --warn: #dcb44a; --band: #262933;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 36px 20px 60px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 18px; margin: 36px 0 10px; letter-spacing: -0.005em; }
h3 { font-size: 14px; margin: 24px 0 6px; }
p { margin: 0 0 8px; }
.soft, .panel, figcaption { color: var(--soft); font-size: 13px; }
.panel { margin: 10px 0 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 16px 20px; margin: 0 0 14px; }
.card h3:first-child { margin-top: 0; }
.legend { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 12px 0 0; font-size: 13px; }
.legend span::before { content: ""; display: inline-block; width: 10px; height: 10px;
  border-radius: 3px; margin-right: 7px; background: var(--own); }
ul.conclusions { list-style: none; margin: 0; padding: 0; }
ul.conclusions li { display: flex; gap: 12px; padding: 9px 0; border-top: 1px solid var(--line); }
ul.conclusions li:first-child { border-top: 0; }
.pill { flex: none; align-self: flex-start; width: 104px; text-align: center; font-size: 12px;
  font-weight: 600; border-radius: 99px; padding: 2px 0; margin-top: 1px;
  color: var(--tone); border: 1px solid color-mix(in srgb, var(--tone) 45%, transparent);
  background: color-mix(in srgb, var(--tone) 12%, transparent); }
.tone-faster { --tone: var(--better); } .tone-slower { --tone: var(--worse); }
.tone-even { --tone: var(--even); } .tone-warning { --tone: var(--warn); }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font: 12px system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 11px; }
svg .value { font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); } svg .zero { stroke: var(--soft); }
svg .band { fill: var(--band); }
svg .fill { fill: var(--own); }
svg .stroke { fill: none; stroke: var(--own); stroke-width: 2; stroke-linejoin: round; }
svg .thin { stroke-width: 1.4; }
svg .dashed { stroke-dasharray: 4 3; }
svg .limit { stroke: var(--soft); stroke-dasharray: 6 4; }
svg .dot { fill: var(--own); stroke: var(--own); stroke-width: 1.5; }
svg .dot.hollow { fill: var(--card); }
svg .whisker { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.s0 { --own: var(--s0); } .s1 { --own: var(--s1); } .s2 { --own: var(--s2); }
.s3 { --own: var(--s3); } .s4 { --own: var(--s4); } .s5 { --own: var(--s5); }
svg .verdict { --tone: var(--even); }
svg .verdict.faster { --tone: var(--better); } svg .verdict.slower { --tone: var(--worse); }
svg .verdict circle { fill: var(--tone); }
svg .verdict .whisker { stroke: var(--tone); stroke-width: 2; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums;
  width: 100%; }
th, td { text-align: right; padding: 5px 7px; border-top: 1px solid var(--line);
  white-space: nowrap; }
th { font-weight: 600; }
thead th { border-top: 0; color: var(--soft); font-weight: 500; white-space: normal;
  vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td.lane { text-align: left; }
/* Names of cloud services are long: they break, so that figures stay in sight. */
tbody th, td.lane { white-space: normal; overflow-wrap: anywhere;
  min-width: 72px; max-width: 230px; }
td.lane::before { content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 2px;
  margin-right: 6px; background: var(--own); }
td.text { white-space: normal; overflow-wrap: anywhere; }
tr.differs td { font-weight: 600; }
figure { margin: 0 0 18px; } figcaption { margin: 0 0 6px; }
table.heat { border-collapse: separate; border-spacing: 3px; width: auto; }
table.heat th, table.heat td { border: 0; }
table.heat thead th:not(:first-child) { text-align: center; }
table.heat td { border-radius: 5px; min-width: 74px; text-align: center; }
table.heat td.better { background: color-mix(in srgb, var(--s1) var(--heat), var(--band)); }
table.heat td.worse { background: color-mix(in srgb, var(--s0) var(--heat), var(--band)); }
table.heat td.none { color: var(--soft); }
details { margin: 10px 0 4px; } summary { cursor: pointer; font-weight: 600; padding: 4px 0; }
@media (max-width: 640px) {
  main { padding: 24px 12px 40px; }
  .card { padding: 14px; overflow-x: auto; }
  ul.conclusions li { flex-direction: column; gap: 6px; }
  /* Shrunk to the width of a phone, nobody could read their figures. */
  svg { min-width: 600px; }
}
@media print { body { background: #fff; } .card { break-inside: avoid; } }
`;
