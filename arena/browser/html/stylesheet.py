"""How the browser looks: the style sheet of its page, light and dark."""

STYLE = """
:root {
  --win: #1b7a5a; --loss: #a84c18; --tie: #5f6671; --none: #8a6400;
  --muted: #5c6471; --line: #e2e5ea; --accent: #2a6fdb; --soft: #f5f6f8; --shadow: #9aa3b2;
  --keyword: #8250c4; --bar: 60px;
}
.dark {
  --win: #45b890; --loss: #e0865a; --tie: #98a1b0; --none: #cfa63a;
  --muted: #98a1b0; --line: #2b3240; --accent: #6ea1f2; --soft: #171c26; --shadow: #56617a;
  --keyword: #c4a1f5;
}
.gradio-container { overflow: clip !important; }  /* with `hidden` nothing in it is sticky */
.gradio-container .main { padding: 8px 20px 24px !important; max-width: 1800px; }
.gradio-container .html-container { padding: 0; }
.gradio-container .gap { gap: 8px; }
.gradio-container :is(input, textarea, button, summary, a, [role=listbox]):focus-visible {
  outline: 2px solid var(--accent) !important; outline-offset: 1px;
}
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.unseen { white-space: nowrap; }
.notice { color: var(--muted); margin: 4px 0; }
/* what scrolls sideways has a shadow where there is more: the page's colour hides it at the ends */
.battle {
  --page: var(--body-background-fill);
  --beyond: linear-gradient(90deg, var(--page) 13px, #0000) 0 / 30px 100% no-repeat local,
    linear-gradient(-90deg, var(--page) 13px, #0000) 100% / 30px 100% no-repeat local,
    linear-gradient(90deg, var(--shadow), #0000) 0 / 12px 100% no-repeat scroll,
    linear-gradient(-90deg, var(--shadow), #0000) 100% / 12px 100% no-repeat scroll;
}

/* the head of the page, and the fields */
#top { align-items: baseline; min-height: 0; flex-wrap: nowrap; }
#title { display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; }
#title h1 { font-size: 17px; font-weight: 650; margin: 0; }
#title .notice { display: inline; margin: 0 14px 0 0; }
#address { flex: none; width: auto; min-width: 0; }
.address { color: var(--accent); white-space: nowrap; }
.filters { gap: 8px; align-items: end; }
.filters > .form { border: 0; background: none; gap: 8px; flex-wrap: wrap; overflow: visible; }
.filters .block { padding: 0 !important; border: 0; background: none; overflow: visible; }
.filters [data-testid=block-info] { font-size: 12px; line-height: 16px; margin: 0 0 3px; }
.filters input[type=text], .filters textarea { height: 27px; padding: 4px 8px; font-size: 13px; }
.filters .wrap > label { padding: 4px 8px; font-size: 13px; }
.filters button { height: 30px; padding: 0 10px; font-size: 13px; font-weight: 500; }
.filters fieldset .wrap { flex-wrap: nowrap; }
#shown > .filters, #shown > .filters > .form { flex-wrap: nowrap; }
#shown > .filters > .form { min-width: 0 !important; flex: 1 1 0 !important; }
#shown > .filters { position: sticky; top: 0; z-index: 3; padding: 4px 0 5px; }
#shown > .filters { background: var(--body-background-fill); }
#shown .form > fieldset { flex: 0 0 190px !important; }
.filters .written label { height: 30px; padding: 0; }
.filters .written { align-self: end; white-space: nowrap; flex: 0 0 112px !important; }
#shown .filters .form > :first-child { min-width: 0 !important; }
.filters .secondary-wrap input { margin-right: 22px; text-overflow: ellipsis; }

/* the list of battles */
#battles { flex-wrap: nowrap; align-items: flex-start; gap: 16px; }
#found { position: sticky; top: 6px; flex: 0 0 290px; width: 290px; }
#shown { min-width: 0; gap: 0 !important; }
#list > .html-container { max-height: calc(100vh - 24px); overflow: auto; }
#battle { overflow: visible !important; }
.list { font-size: 12.5px; line-height: 1.35; }
.list-head { display: flex; justify-content: space-between; align-items: center; }
.list-head { flex-wrap: wrap; padding: 4px 4px 4px 0; row-gap: 3px; }
.list-head { position: sticky; top: 0; background: var(--body-background-fill); z-index: 1; }
.list-head { color: var(--muted); border-bottom: 1px solid var(--line); }
.legend { flex: 1 0 100%; margin: 0; font-size: 12px; } .legend .dot { margin: 0 2px 0 6px; }
.legend .dot:first-child { margin-left: 0; } .legend .dot + .dot { margin-left: 1px; }
.list button { all: unset; cursor: pointer; box-sizing: border-box; }
.list .turn { padding: 0 7px; font-size: 17px; color: var(--accent); }
.list .row { display: flex; gap: 6px; width: 100%; padding: 5px 6px; align-items: baseline; }
.list .row { border-bottom: 1px solid var(--line); border-left: 3px solid transparent; }
.list .row { position: relative; }
.list .row:hover { background: var(--soft); }
.list .row[aria-current] { background: var(--soft); border-left-color: var(--accent); }
.list .lines { min-width: 0; flex: 1; overflow-wrap: anywhere; }
.list .words { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
.list .words { overflow: hidden; }
.list .words:has(+ .who) { -webkit-line-clamp: 1; }
.list .who { display: block; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.list .who, .list em { color: var(--muted); font-style: normal; }
.list .row:focus-visible { outline-offset: -2px; }
.signs { flex: none; display: flex; gap: 4px; align-self: flex-start; padding-top: 3px; }
.grade { font-style: normal; font-weight: 600; min-width: 20px; color: var(--accent); }
.signs .grade { line-height: 1; }

/* outcomes: the strong ones full, the others tinted */
.strong-win, .big-a { --c: var(--win); } .win, .a { --c: var(--win); --tint: 65%; }
.tie { --c: var(--tie); --tint: 65%; } .no-verdict { --c: var(--none); }
.loss, .b { --c: var(--loss); --tint: 65%; } .strong-loss, .big-b { --c: var(--loss); }
.grade { --c: var(--accent); } .big-a, .a { --c: var(--accent); } .big-b, .b { --c: var(--muted); }
.judges .tie { --tint: 35%; }
.bar i { background: color-mix(in srgb, var(--c) var(--tint, 100%), var(--body-background-fill)); }
.dot { display: inline-block; width: 10px; height: 11px; flex: none; background: var(--c); }
.dot.strong-win, .dot.strong-loss {
  clip-path: polygon(50% 0, 100% 50%, 60% 50%, 100% 100%, 0 100%, 40% 50%, 0 50%);
}
.dot.win, .dot.loss { clip-path: polygon(50% 22%, 100% 78%, 0 78%); }
.dot.loss, .dot.strong-loss { transform: scaleY(-1); }
.dot.tie { height: 8px; background: linear-gradient(var(--c) 3px, #0000 3px 5px, var(--c) 5px); }
.signs .dot.tie { margin-top: 2px; }
.dot.no-verdict { height: 10px; background: none; border: 2px solid var(--c); }
.dot.no-verdict { border-radius: 50%; box-sizing: border-box; }
.chip { color: var(--c); font-weight: 600; }

/* one battle */
#battle { --body-text-size: 14px; }
.battle { font-size: 14px; line-height: 1.5; overflow-wrap: anywhere; }
.battle .about, .battle .note, .battle .counts { color: var(--muted); font-size: 12.5px; }
.battle .about, .battle .note, .battle .counts { margin: 4px 0; }
.battle summary { cursor: pointer; font-size: 12.5px; font-weight: 600; color: var(--muted); }
.battle details { margin: 6px 0; border: 1px solid var(--line); border-radius: 4px; }
.battle details > summary { padding: 3px 10px; }
.battle details > summary, .battle .note { overflow: hidden; white-space: nowrap; }
.battle details > summary, .battle .note { text-overflow: ellipsis; }
.battle summary .about { float: right; margin: 0; font-weight: 400; }
.battle details > :not(summary) { margin: 0; padding: 2px 10px 6px; }
.battle .prompt:not(.turn) > .text { height: 6em; overflow: auto; }
.battle .clipped { max-height: 6em; overflow: auto; }
.battle .clipped { mask-image: linear-gradient(#000 4.5em, #0005 6em); }
.battle .clipped:has(+ .more[open]) { height: auto; max-height: none; mask-image: none; }
.battle .long { max-height: 90em; overflow: hidden; }
.battle .long { mask-image: linear-gradient(#000 86em, #0002 90em); }
.battle .long:has(+ .more[open]) { max-height: none; mask-image: none; }
.battle .more { border: 0; margin: 0; padding: 0 !important; }
.battle .more > summary span { color: var(--accent); }
.battle .more > summary { list-style: none; width: fit-content; }
.battle .more[open] .all, .battle .more:not([open]) .less { display: none; }
.battle .reasoning { color: var(--muted); }
.verdicts { display: grid; grid-template-columns: 1fr 1fr; gap: 8px; margin: 8px 0 4px; }
.battle .total { font-weight: 600; margin: 8px 0 -2px; }
.verdict { padding: 4px 10px; border-left: 4px solid var(--c); border-radius: 3px; min-width: 0; }
.verdict { background: color-mix(in srgb, var(--c) 8%, transparent); }
.verdict.chosen { background: color-mix(in srgb, var(--c) 15%, transparent); }
.verdict.chosen { box-shadow: inset 0 0 0 1.5px var(--c); }
.verdict .said { margin: 0; display: flex; gap: .35em; align-items: baseline; white-space: nowrap; }
.verdict .who { overflow: hidden; text-overflow: ellipsis; }
.verdict .places { display: block; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.verdict .places { color: var(--muted); font-size: 12.5px; }
.verdict b { color: var(--body-text-color); }
.sides { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 16px; }
.sides > :only-child { grid-column: 1 / -1; }
.side { border-top: 3px solid var(--line); padding-top: 2px; margin-top: 8px; min-width: 0; }
.side:has(> .model) { border-top-color: var(--accent); }
.side > h3 { font-size: 14.5px !important; margin: 0 !important; font-weight: 600; }
.side > h3 { position: sticky; top: var(--bar); z-index: 2; padding: 4px 0; display: flex; }
.side > h3 { background: var(--body-background-fill); gap: 6px; align-items: baseline; }
.side .name { overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.side .mark { color: var(--win); font-size: 12.5px; white-space: nowrap; margin-left: auto; }
.side > h3 > b { background: var(--muted); color: var(--body-background-fill); padding: 0 6px; }
.side > h3 > b { border-radius: 3px; }
.side > h3.model > b { background: var(--accent); }
.side .role { flex: none; color: var(--muted); font-weight: 400; font-size: 12.5px; }
.battle h1, .battle h2 { font-size: 1.2em !important; margin: .8em 0 .3em !important; }
.battle h4, .battle :is(.text, .answer) h3 { font-size: 1.05em !important; }
.battle h4, .battle :is(.text, .answer) h3 { margin: .8em 0 .3em !important; }
.battle p, .battle li { font-size: 14px; line-height: 1.5; }
.battle p { margin: .45em 0; }
.battle li { margin: .15em 0 !important; }
.battle li p { margin: .15em 0; }
.battle .text > :first-child { margin-top: 0; }
.battle .text > :last-child { margin-bottom: 0; }
.battle ul, .battle ol { margin: .3em 0; padding-inline-start: 1.6em; }
.battle pre { font-size: 12.5px; line-height: 1.4; overflow: auto; padding: 8px 10px !important; }
.battle pre { background: var(--soft) !important; border: 1px solid var(--line); margin: .5em 0; }
.battle pre, .battle pre code { white-space: pre-wrap; }
.battle pre code { background: none !important; border: 0; padding: 0; }
.battle table { display: block; overflow: auto; border-collapse: collapse; margin: .5em 0; }
.battle table, .battle tr { border: 0 !important; background: none !important; }
.battle table, .battle .katex-display { background: var(--beyond) !important; }
.battle th, .battle td { border: 1px solid var(--line) !important; padding: 3px 8px !important; }
.battle th, .battle td { overflow-wrap: normal; word-break: normal; min-width: 4em; }
.battle th, .battle td { max-width: 28em; } .battle td { overflow-wrap: break-word; }
.battle .image { color: var(--muted); font-style: italic; }
.battle .katex { font-size: 1.05em; } .battle .katex-display { overflow: auto hidden; }
.battle .katex-display { padding-bottom: 6px; scrollbar-width: thin; }
.code .c, .code .c1, .code .cm, .code .ch, .code .cs { color: var(--muted); font-style: italic; }
.code [class^=k], .code .ow, .code .nt { color: var(--keyword); }
.code [class^=s] { color: var(--win); }
.code [class^=m] { color: var(--loss); }
.code .nf, .code .nc, .code .fm, .code .nd, .code .nb { color: var(--accent); }

/* tables */
.numbers { border-collapse: collapse; font-size: 13.5px; width: 100%; }
.numbers { font-variant-numeric: tabular-nums; }
.numbers th, .numbers td { padding: 4px 10px; border-bottom: 1px solid var(--line); }
.numbers th, .numbers td { text-align: right; white-space: nowrap; }
.numbers th { color: var(--muted); font-weight: 500; font-size: 12.5px; }
.numbers th:first-child, .numbers td:first-child { text-align: left; padding-left: 0; }
.board .name, .board .games { text-align: left; }
.board td.name { max-width: 0; width: 34%; overflow: hidden; text-overflow: ellipsis; }
.board .rank, .board td:nth-child(4), .board td:nth-child(6) { color: var(--muted); }
.board tr.model { cursor: pointer; } .board tr.model:hover { background: var(--soft); }
.board .baseline td { font-style: italic; }
.board button { all: unset; display: block; cursor: pointer; color: var(--accent); }
.board button { max-width: 100%; overflow: hidden; text-overflow: ellipsis; }
.board tr:hover button { text-decoration: underline; }
.board .plot { width: 40%; min-width: 180px; padding: 0 24px; }
.board .axis, .board svg { display: block; position: relative; height: 17px; width: 100%; }
.board svg { overflow: visible; }
.axis i { position: absolute; transform: translateX(-50%); font-style: normal; }
.board .all { stroke: var(--line); }
.board .base { stroke: var(--muted); stroke-dasharray: 2 2; }
.board .interval { stroke: var(--accent); stroke-width: 2; } .board .score { fill: var(--accent); }
.board .below, .how { color: var(--muted); font-size: 12.5px; margin-top: 10px; }
.how { margin: 6px 0; max-width: 75em; }
.board .below p { margin: 2px 0; }
.board + .board { margin-top: 22px; }
.board h3, .judges h3 { font-size: 14.5px; font-weight: 600; margin: 16px 0 6px; }
.bar { display: flex; gap: 1px; width: 130px; height: 11px; border-radius: 2px; overflow: hidden; }
.bar i { height: 100%; min-width: 1px; }

@media (max-width: 900px) {
  #battles { flex-wrap: wrap; } #found { position: static; flex: 1 1 100%; }
  #shown > .filters { position: static; flex-wrap: wrap; } .side > h3 { top: 0; }
  #list > .html-container { max-height: 30vh; }
  .sides, .verdicts { grid-template-columns: minmax(0, 1fr); }
}
.set input, .set textarea { box-shadow: inset 0 -2px 0 var(--accent) !important; }
#reset { white-space: nowrap; align-self: end; }
.verdict:not(:only-child, .chosen) { cursor: pointer; }
.verdict:not(:only-child, .chosen):hover { opacity: 1; }
#list .wrap.translucent, .html-container .wrap.translucent { animation: late .2s .3s both; }
@keyframes late { from { opacity: 0; } }
"""
