// Numbers as people read them at a glance. Unknown is "?", and a sum with unknown parts "3 + ?": never 0.

const SIZES = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];

function scaled(value, separator, unit) {
  const [size, letter] = SIZES.find(([size]) => value >= size * 0.9995);
  const part = value / size;
  const digits = part < 9.995 ? 2 : part < 99.95 ? 1 : 0;
  return part.toFixed(digits) + separator + letter + unit;
}

export const count = (value) => (value < 10000 ? String(Math.round(value)) : scaled(value, "", ""));
export const bytes = (value) => (value < 1000 ? `${Math.round(value)} B` : scaled(value, " ", "B"));
export const dollars = (value) =>
  "$" + (value === 0 ? "0" : value < 0.0001 ? Math.max(value, 1e-6).toFixed(6) : value < 0.1 ? value.toFixed(4) : value < 1000 ? value.toFixed(2) : count(value));
export const percent = (part, whole) => {
  if (!whole) return "–";
  const share = (100 * part) / whole;
  return `${share === 0 || share >= 10 ? share.toFixed(0) : share.toFixed(1)} %`;
};

export function duration(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "–";
  if (milliseconds < 999.5) return `${milliseconds.toFixed(0)} ms`;
  if (milliseconds < 59950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 1440 ? `${Math.floor(minutes / 60)}h ${minutes % 60}m` : `${Math.floor(minutes / 1440)}d`;
}

export function known(value, unknown, shown) {
  if (value === null || value === undefined) return unknown ? "?" : shown(0);
  return shown(value) + (unknown ? " + ?" : "");
}

export const tokens = (line) =>
  line.tokens_in === null && line.tokens_out === null ? null : (line.tokens_in ?? 0) + (line.tokens_out ?? 0);

const date = (options) => new Intl.DateTimeFormat(undefined, options);
const CLOCK = date({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECOND = date({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY = date({ month: "short", day: "numeric" });
const WHOLE = date({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

export const clock = (seconds) => CLOCK.format(seconds * 1000);
export const second = (seconds) => SECOND.format(seconds * 1000);
export const day = (seconds) => DAY.format(seconds * 1000);
export const moment = (seconds) => WHOLE.format(seconds * 1000);
export const exact = (seconds) => new Date(seconds * 1000).toLocaleString();
