// Charts as SVG: stacked bars and lines over time. Pointer and arrow keys read single moments.

import { el, replace, svg } from "./dom.js";

const HEIGHT = 190;
const EDGE = { top: 12, right: 8, bottom: 22, left: 46 };

/** A round number not below the highest, and the step of its grid. */
function scale(highest) {
  if (!(highest > 0)) return { top: 1, step: 1 };
  const power = 10 ** Math.floor(Math.log10(highest / 4));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size * 4 >= highest * 0.999);
  return { top: step * Math.ceil((highest * 0.999) / step), step };
}

/**
 * spec: title, note, kind ("bars" or "lines"), moments (seconds), label(seconds), full(seconds), format(value),
 * series [{name, style, values}], whose values may be null, and unknown [{count}] (requests of each moment that are
 * not in it), whole (integers alone on the axis).
 */
export function chart(figure, spec) {
  const plot = el("div", { class: "plot" });
  const tip = el("div", { class: "tip", hidden: true });
  const legend = el("ul", { class: "legend" }, spec.series.map(({ name, style }) =>
    el("li", {}, el("span", { class: `swatch ${style}`, "aria-hidden": "true" }), name)));
  const head = el("figcaption", { class: "head" }, el("h2", {}, spec.title), el("span", { class: "note" }, spec.note ?? ""), legend);
  replace(figure, head, plot);
  const draw = () => {
    const width = Math.max(260, plot.clientWidth);
    replace(plot, picture(spec, width, tip), tip);
  };
  figure.redraw?.disconnect();
  let last = 0;
  figure.redraw = new ResizeObserver(() => {
    if (plot.clientWidth !== last) {
      last = plot.clientWidth;
      draw();
    }
  });
  figure.redraw.observe(plot);
}

function picture(spec, width, tip) {
  const count = spec.moments.length;
  const inner = { width: width - EDGE.left - EDGE.right, height: HEIGHT - EDGE.top - EDGE.bottom };
  const slot = inner.width / count;
  const totals = spec.moments.map((_, at) => spec.kind === "bars"
    ? spec.series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0)
    : Math.max(0, ...spec.series.map(({ values }) => values[at] ?? 0)));
  const highest = Math.max(0, ...totals);
  const axis = scale(spec.whole ? Math.max(highest, 4) : highest);
  const x = (at) => EDGE.left + slot * at;
  const y = (value) => EDGE.top + inner.height * (1 - value / axis.top);

  const root = svg("svg", {
    viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", tabindex: 0, class: "chart",
    "aria-label": `${spec.title}: ${spoken(spec, totals)}`,
  });
  for (let value = 0; value <= axis.top * 1.0001; value += axis.step) {
    root.append(
      svg("line", { x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value), class: value ? "grid" : "base" }),
      svg("text", { x: EDGE.left - 6, y: y(value) + 3.5, class: "tick end" }, highest > 0 || !value ? spec.format(value) : ""));
  }
  const every = Math.max(1, Math.ceil(count / Math.max(2, Math.floor(inner.width / 84))));
  for (let at = Math.floor(every / 2); at < count; at += every) {
    root.append(svg("text", { x: x(at + 0.5), y: HEIGHT - 6, class: "tick middle" }, spec.label(spec.moments[at])));
  }
  const cursor = svg("rect", { y: EDGE.top, width: slot, height: inner.height, class: "cursor", visibility: "hidden" });
  root.append(cursor);
  root.append(...(spec.kind === "bars" ? bars(spec, x, y, slot) : lines(spec, x, y)));
  spec.unknown?.forEach((unknown, at) => {
    if (unknown) {
      const place = { x: x(at + 0.5), y: y(totals[at]) - 3 };
      root.append(slot > 7 ? svg("text", { ...place, class: "unknown" }, "?")
        : svg("circle", { cx: place.x, cy: place.y, r: 1.4, class: "unknown" }));
    }
  });
  if (highest === 0 && !spec.unknown?.some(Boolean)) {
    root.append(svg("text", { x: EDGE.left + inner.width / 2, y: EDGE.top + inner.height / 2, class: "empty" }, "nothing in this time"));
  }
  pointing(root, spec, { cursor, tip, x, slot, width, count });
  return root;
}

function bars(spec, x, y, slot) {
  const gap = slot > 5 ? Math.min(3, slot * 0.22) : 0.4;
  const found = [];
  spec.moments.forEach((_, at) => {
    let sum = 0;
    for (const { style, values } of spec.series) {
      const value = values[at] ?? 0;
      if (value > 0) {
        const height = Math.max(1, y(sum) - y(sum + value));
        found.push(svg("rect", { x: x(at) + gap / 2, y: y(sum) - height, width: slot - gap, height, class: `column ${style}`, rx: slot > 8 ? 1.5 : 0 }));
        sum += value;
      }
    }
  });
  return found;
}

function lines(spec, x, y) {
  const found = [];
  for (const { style, values } of spec.series) {
    let path = "";
    values.forEach((value, at) => {
      if (value === null) return;
      const before = at > 0 && values[at - 1] !== null;
      path += `${before ? "L" : "M"}${x(at + 0.5).toFixed(1)} ${y(value).toFixed(1)}`;
      if (!before && (at + 1 >= values.length || values[at + 1] === null)) {
        found.push(svg("circle", { cx: x(at + 0.5), cy: y(value), r: 2.5, class: `point ${style}` }));
      }
    });
    if (path) found.push(svg("path", { d: path, class: `line ${style}` }));
  }
  return found;
}

function pointing(root, spec, place) {
  let current = -1;
  const show = (at) => {
    current = at;
    const on = at >= 0 && at < place.count;
    place.cursor.setAttribute("visibility", on ? "visible" : "hidden");
    place.tip.hidden = !on;
    if (!on) return;
    place.cursor.setAttribute("x", place.x(at));
    const rows = spec.series.map(({ name, style, values }) => el("li", {},
      el("span", { class: `swatch ${style}` }), `${name} `, el("b", {}, values[at] === null ? "–" : spec.format(values[at]))));
    const unknown = spec.unknown?.[at];
    replace(place.tip, el("div", { class: "when" }, spec.full(spec.moments[at])), el("ul", {}, rows,
      unknown ? el("li", { class: "muted" }, `and ${unknown} of which it is not known`) : null));
    const centre = place.x(at) + place.slot / 2;
    const left = Math.min(Math.max(0, centre - place.tip.offsetWidth / 2), place.width - place.tip.offsetWidth);
    place.tip.style.left = `${left}px`;
  };
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    show(Math.floor((((event.clientX - box.left) * place.width) / box.width - EDGE.left) / place.slot));
  });
  root.addEventListener("pointerleave", () => show(-1));
  root.addEventListener("blur", () => show(-1));
  root.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(place.count - 1, Math.max(0, current < 0 ? place.count - 1 : current + step)));
  });
}

function spoken(spec, totals) {
  const highest = Math.max(...totals);
  if (!(highest > 0)) return "nothing in this time";
  const at = totals.indexOf(highest);
  return `at most ${spec.format(highest)}, at ${spec.full(spec.moments[at])}. Arrow keys read single moments.`;
}
