// The parts of the board: cards, tables, the tail, an explanation.

import { byId, el, replace } from "./dom.js";
import * as format from "./format.js";

const { count, dollars, duration, known, tokens } = format;

export function cards(summary, now) {
  const line = summary.total;
  const cached = [line.tokens_cached_read, line.tokens_cached_write].filter((value) => value !== null);
  const minute = now?.minute;
  const shown = [
    ["Requests", count(line.requests), minute ? `${count(minute.requests)} in the last minute` : " "],
    ["Errors", percentOf(line), `${count(line.errors)} of ${count(line.requests)}` + (line.aborted ? `, ${count(line.aborted)} cut off` : ""), line.errors ? "bad" : ""],
    ["Tokens", known(tokens(line), line.tokens_unknown, count),
      `${known(line.tokens_in, 0, count)} in, ${known(line.tokens_out, 0, count)} out` + (cached.length ? `, ${count(cached.reduce((a, b) => a + b, 0))} cached` : ""),
      "", unknownTitle(line.tokens_unknown, "count")],
    ["Cost", known(line.cost, line.cost_unknown, dollars), line.cost_unknown ? `unknown for ${count(line.cost_unknown)} requests` : "of all requests", "", unknownTitle(line.cost_unknown, "price")],
    ["Median duration", duration(line.p50_ms), `p95 ${duration(line.p95_ms)}, p99 ${duration(line.p99_ms)}`, "", "the median of answers that came to their end"],
  ];
  replace(byId("cards"), shown.map(([name, value, note, style, title]) =>
    el("div", { class: `panel card ${style ?? ""}`, title: title || null },
      el("h2", {}, name), el("p", { class: "value" }, value), el("p", { class: "note" }, note))));
}

const percentOf = (line) => format.percent(line.errors, line.requests);
const unknownTitle = (unknown, what) => (unknown ? `Of ${unknown} requests, no ${what} is known. They are in no sum.` : "");

export function group(name, summary, pick) {
  const lines = summary.by[name];
  const highest = Math.max(1, ...lines.map((line) => line.requests));
  const rows = lines.map((line) => el("tr", {},
    el("th", { scope: "row" },
      line.name ? el("button", { type: "button", class: "link", title: `Only ${line.name}`, onclick: () => pick(name, line.name) }, line.name)
        : el("span", { class: "muted" }, "none"),
      meter(line.requests / highest)),
    cell(count(line.requests)),
    cell(line.errors ? format.percent(line.errors, line.requests) : "–", line.errors ? "bad spare" : "muted spare"),
    cell(known(tokens(line), line.tokens_unknown, count)),
    cell(known(line.cost, line.cost_unknown, dollars)),
    cell(duration(line.p95_ms), "spare")));
  const head = ["requests", "errors", "tokens", "cost", "p95"].map((title) => el("th", { scope: "col", class: ["errors", "p95"].includes(title) ? "spare" : null }, title));
  replace(byId(`by-${name}`), el("div", { class: "head" }, el("h2", {}, `By ${name}`)),
    rows.length ? el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `By ${name}` },
      el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, name), head)), el("tbody", {}, rows)))
      : nothing("No requests in this time."));
}

function meter(share) {
  const bar = el("span", { class: "meter", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${(100 * share).toFixed(1)}%`);
  return bar;
}

const cell = (text, style = "") => el("td", { class: style }, text);
const nothing = (text) => el("p", { class: "muted nothing" }, text);

export function underWay(now) {
  const rows = now.under_way.map((row) => el("tr", {},
    el("th", { scope: "row" }, explainLink(row.flow, row.user ?? "–")),
    el("td", { class: "text" }, [row.provider, row.model].filter(Boolean).join(" · ") || "–"),
    el("td", {}, el("span", { class: `pill ${row.phase}` }, row.phase + (row.attempts > 1 ? ` ×${row.attempts}` : ""))),
    cell(row.tokens_per_second ? `~${count(row.tokens_per_second)}` : "–", row.tokens_per_second ? "" : "muted"),
    cell(format.bytes(row.bytes_out), "spare"), cell(duration(1000 * row.age))));
  const head = ["user", "provider and model", "phase", "tok/s", "out", "age"].map((title) => el("th", { scope: "col", class: title === "out" ? "spare" : null }, title));
  replace(byId("under-way"), el("div", { class: "head" }, el("h2", {}, "Under way"), el("span", { class: "note" }, count(rows.length))),
    rows.length ? scrolled("Under way", head, rows) : nothing("Nothing at this moment."));
}

export function keys(now) {
  const rows = now.keys.map((row) => el("tr", {},
    el("th", { scope: "row" }, row.provider), el("td", { class: "text label" }, row.key),
    el("td", {}, el("span", { class: `pill ${row.state}` }, row.until ? `limited, ${duration(1000 * Math.max(0, row.until - now.now))}` : row.state)),
    cell(count(row.used)),
    cell(row.last ? `${row.status ?? "no answer"}, ${duration(1000 * (now.now - row.last))} ago` : "–", row.last ? "spare" : "spare muted")));
  const head = ["provider", "key", "state", "used", "last answer"].map((title) => el("th", { scope: "col", class: title === "last answer" ? "spare" : null }, title));
  replace(byId("keys"), el("div", { class: "head" }, el("h2", {}, "Keys"), el("span", { class: "note" }, "since the proxy's start")),
    rows.length ? scrolled("Keys", head, rows) : nothing("The vault has no keys."));
}

const scrolled = (name, head, rows) => el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name },
  el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows)));

const explainLink = (flow, text, attributes = {}) => el("a", { href: `#explain=${encodeURIComponent(flow)}`, ...attributes }, text);

export function tail(requests, errorsOnly) {
  const isError = (row) => (row.status ?? 0) >= 400 || row.reason;
  const wanted = requests.filter((row) => !errorsOnly || isError(row));
  const rows = wanted.map((row) => {
    const [first, ...rest] = row.story.split(" · ");
    const style = isError(row) ? "bad" : row.aborted ? "warn" : "good";
    return el("li", {},
      el("time", { datetime: new Date(row.started * 1000).toISOString(), title: format.exact(row.started) }, format.second(row.started)),
      el("span", { class: `pill ${style}` }, row.status ?? (row.aborted ? "cut off" : "none")),
      el("p", { class: "story" }, el("b", {}, first), rest.map((part) => [" ", el("span", { class: "part" }, part)])),
      el("span", { class: "took" }, duration(row.duration_ms)),
      row.flow ? explainLink(row.flow, "explain", { class: "explain", "aria-label": `Explain the request of ${format.second(row.started)}` }) : null);
  });
  replace(byId("tail"), rows.length ? rows : nothing(errorsOnly ? "No errors among the latest requests." : "No requests yet."));
}

export function explanation(told) {
  const steps = told.steps.map(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]);
  replace(byId("explain-body"),
    el("p", { class: "note" }, `flow ${told.flow}`), el("dl", { class: "steps" }, steps),
    el("p", { class: "note" }, "In a terminal: ", el("code", {}, `mitmvault explain ${told.flow.slice(0, 8)}`)));
}

export function noExplanation(text) {
  replace(byId("explain-body"), el("p", { class: "error" }, text));
}

export function filters(which, drop) {
  const given = Object.entries(which).filter(([, value]) => value);
  byId("filters").hidden = given.length === 0;
  replace(byId("filters"), given.map(([name, value]) => el("button", { type: "button", class: "chip", title: "Show all again", onclick: () => drop(name) },
    `${name}: ${value}`, el("span", { "aria-hidden": "true" }, " ✕"))));
}
