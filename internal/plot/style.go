package plot

// Stylesheet is all CSS that the pictures need. The web room serves it as part of its
// own sheet and may set the custom properties anew, e.g. for a chosen theme. Colors
// have a contrast of at least 4.5 : 1 on their surface; blue and orange stay apart for
// the color-blind, and the shapes of the marks for everybody.
const Stylesheet = `
:root {
  --plot-stable: #1c62b0; --plot-canary: #b04a00; --plot-third: #7a3fa8; --plot-fourth: #3f6d2a;
  --plot-neutral: #5c6570; --plot-critical: #a8174e;
  --plot-ink: #20262d; --plot-quiet: #5c6570; --plot-surface: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --plot-stable: #78b4f5; --plot-canary: #ff9f4a; --plot-third: #cfa3f2; --plot-fourth: #9cc885;
    --plot-neutral: #98a2ae; --plot-critical: #ff7aa8;
    --plot-ink: #e3e8ee; --plot-quiet: #98a2ae; --plot-surface: #101418;
  }
}
.plot { container-type: inline-size; margin: 0 0 20px; color: var(--plot-quiet); font-variant-numeric: tabular-nums; }
.plot figcaption { margin: 0 0 4px; font-size: 13px; line-height: 20px; }
.plot-title { color: var(--plot-ink); font-weight: 600; }
.plot-note { color: var(--plot-quiet); }
.plot-svg { display: block; box-sizing: border-box; width: calc(100% - 120px); margin-left: 48px; overflow: visible; }
.plot-svg text { fill: currentColor; font-size: 11px; unicode-bidi: isolate; }
.plot-stable { color: var(--plot-stable); }
.plot-canary { color: var(--plot-canary); }
.plot-third { color: var(--plot-third); }
.plot-fourth { color: var(--plot-fourth); }
.plot-neutral { color: var(--plot-neutral); }
.plot-grid { color: var(--plot-quiet); shape-rendering: crispEdges; stroke-opacity: .18; }
.plot-axis { color: var(--plot-quiet); }
.plot-base { stroke-opacity: .6; shape-rendering: crispEdges; }
.plot-zone { letter-spacing: .02em; }
.plot-line { stroke-linejoin: round; }
.plot-band { fill-opacity: .16; stroke: none; }
.plot-whisker { stroke-width: 1.5; stroke-opacity: .5; }
.plot-dots path { stroke: var(--plot-surface); stroke-width: 1; }
.plot-limit { color: var(--plot-quiet); }
.plot-critical { color: var(--plot-critical); }
.plot-event { color: var(--plot-ink); }
.plot-shade { color: var(--plot-quiet); }
.plot-small { font-size: 11px; }
.plot-halo { paint-order: stroke; stroke: var(--plot-surface); stroke-width: 3px; stroke-linejoin: round; }
.plot-end .plot-name { font-weight: 600; font-size: 12px; }
.plot-end .plot-value { fill: var(--plot-ink); font-size: 11px; }
.plot-ok { stroke-opacity: .55; }
.plot-fail { color: var(--plot-critical); }
.plot-fail .plot-knock { stroke: var(--plot-surface); stroke-width: 7px; }
.plot-excluded { color: var(--plot-stable); }
.plot-excluded text { fill: currentColor; }
.plot-rung { color: var(--plot-quiet); }
.plot-rung.plot-excluded { color: var(--plot-stable); }
.plot-strong { font-weight: 600; }
.plot-cut { stroke: var(--plot-surface); stroke-width: 1.6; }
.plot-hollow { fill: var(--plot-surface); stroke-width: 1.5; }
.plot-svg .plot-empty { font-size: 13px; }
@container (max-width: 640px) { .plot-alt { display: none; } }
`
