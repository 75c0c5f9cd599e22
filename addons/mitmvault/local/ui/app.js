// What is asked when, and what is shown then. Only who sees the page keeps it asking.

import { Refused, get, signIn, signOut, signedIn } from "./api.js";
import { chart } from "./charts.js";
import { byId, el, replace } from "./dom.js";
import * as format from "./format.js";
import * as parts from "./parts.js";
import * as theme from "./theme.js";

const NOW = 2000; // milliseconds between two looks at what goes on
const SUMMARY = { "1h": 10000, "24h": 30000, "7d": 60000, "30d": 60000 };
const RANGE = "mitmvault-range";
const KEPT = 100; // requests of the tail

const state = { range: "24h", which: { user: null, provider: null, model: null }, now: null, summary: null, tail: [], paused: false, round: 0, due: 0 };

function problem(text) {
  byId("problem").hidden = !text;
  byId("problem").textContent = text ?? "";
}

function door(text = "") {
  state.round += 1;
  byId("door").hidden = false;
  for (const id of ["board", "ranges", "live", "who"]) byId(id).hidden = true;
  byId("door-error").textContent = text;
  byId("token").focus();
}

function board(session) {
  byId("door").hidden = true;
  for (const id of ["board", "ranges", "live", "who"]) byId(id).hidden = false;
  byId("who-name").textContent = session.user;
  const chosen = localStorage.getItem(RANGE);
  if (session.ranges.includes(chosen)) state.range = chosen;
  replace(byId("ranges"), session.ranges.map((range) => el("button", {
    type: "button", "aria-pressed": String(range === state.range), "data-range": range, onclick: () => choose(range),
  }, range)));
}

function choose(range) {
  state.range = range;
  localStorage.setItem(RANGE, range);
  for (const button of byId("ranges").children) button.setAttribute("aria-pressed", String(button.dataset.range === range));
  again();
}

function pick(name, value) {
  state.which = { ...state.which, [name]: value };
  parts.filters(state.which, (dropped) => pick(dropped, null));
  state.tail = [];
  again();
}

/** Begin a new round of questions; those of the round before are not shown any more. */
function again() {
  state.round += 1;
  state.due = 0;
  look(state.round);
}

async function look(round) {
  if (round !== state.round) return;
  if (!document.hidden) {
    try {
      const wanted = performance.now() >= state.due;
      const after = state.tail[0]?.id ?? 0;
      const [now, summary, tail] = await Promise.all([
        get("now"), wanted ? get("summary", { range: state.range, ...state.which }) : null,
        state.paused ? null : get("tail", { after, ...state.which })]);
      if (round !== state.round) return;
      if (wanted) state.due = performance.now() + SUMMARY[state.range];
      show(now, summary, tail);
    } catch (error) {
      if (round !== state.round) return;
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401 || error.status === 403) return door(error.message);
      problem(error.message);
    }
  }
  setTimeout(() => look(round), NOW);
}

function show(now, summary, tail) {
  state.now = now;
  problem(summary?.problem ?? tail?.problem);
  byId("live-text").textContent = `${format.count(now.under_way.length)} under way`;
  parts.underWay(now);
  parts.keys(now);
  if (summary && !summary.problem) {
    state.summary = summary;
    draw(summary);
  }
  if (state.summary) parts.cards(state.summary, now);
  if (tail?.requests?.length || (tail && !state.tail.length)) {
    state.tail = [...(tail.requests ?? []), ...state.tail].slice(0, KEPT);
    parts.tail(state.tail, byId("tail-errors").checked);
  }
}

function draw(summary) {
  const series = summary.series;
  const moments = series.map((_, at) => summary.since + at * summary.step);
  const label = summary.range === "1h" || summary.range === "24h" ? format.clock : format.day;
  const base = { moments, label, full: format.moment };
  const values = (name) => series.map((line) => line[name]);
  const per = `per ${format.duration(1000 * summary.step).replace(/ 0[sm]$/, "")}`;
  chart(byId("chart-requests"), { ...base, title: "Requests", note: per, kind: "bars", format: format.count, whole: true, series: [
    { name: "answered", style: "one", values: series.map((line) => line.requests - line.errors) },
    { name: "errors", style: "bad", values: values("errors") }] });
  chart(byId("chart-tokens"), { ...base, title: "Tokens", note: per, kind: "bars", format: format.count, whole: true, unknown: values("tokens_unknown"), series: [
    { name: "in", style: "one", values: values("tokens_in") }, { name: "out", style: "two", values: values("tokens_out") }] });
  chart(byId("chart-cost"), { ...base, title: "Cost", note: per, kind: "bars", format: format.dollars, unknown: values("cost_unknown"), series: [
    { name: "US dollars", style: "three", values: values("cost") }] });
  chart(byId("chart-latency"), { ...base, title: "Duration", note: "of whole answers", kind: "lines", format: format.duration, series: [
    { name: "p50", style: "one", values: values("p50_ms") }, { name: "p95", style: "two", values: values("p95_ms") },
    { name: "p99", style: "bad dashed", values: values("p99_ms") }] });
  for (const name of ["user", "provider", "model"]) parts.group(name, summary, pick);
}

async function explain() {
  const flow = new URLSearchParams(location.hash.slice(1)).get("explain");
  const dialog = byId("explain");
  if (!flow || byId("board").hidden) return dialog.close();
  if (!dialog.open) dialog.showModal();
  replace(byId("explain-body"));
  try {
    const told = await get("explain", { flow });
    if (told.problem) parts.noExplanation(told.problem);
    else parts.explanation(told);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) return door(error.message);
    parts.noExplanation(error.message);
  }
}

async function enter() {
  if (!signedIn()) return door();
  try {
    board(await get("session"));
  } catch (error) {
    return door(error.status === 401 ? "" : error.message);
  }
  parts.filters(state.which, () => undefined);
  again();
  explain();
}

theme.start();
byId("door-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("token");
  try {
    await signIn(field.value.trim());
    field.value = "";
    await enter();
  } catch (error) {
    byId("door-error").textContent = error.message;
  }
});
byId("sign-out").addEventListener("click", async () => {
  await signOut();
  door();
});
byId("tail-errors").addEventListener("change", () => parts.tail(state.tail, byId("tail-errors").checked));
byId("tail-pause").addEventListener("click", () => {
  state.paused = !state.paused;
  byId("tail-pause").setAttribute("aria-pressed", String(state.paused));
  byId("tail-pause").textContent = state.paused ? "Go on" : "Pause";
});
byId("explain-close").addEventListener("click", () => byId("explain").close());
byId("explain").addEventListener("click", (event) => event.target === byId("explain") && byId("explain").close());
byId("explain").addEventListener("close", () => location.hash.startsWith("#explain=") && history.replaceState(null, "", location.pathname));
addEventListener("hashchange", explain);
enter();
