// Light or dark: as the system says, until somebody chooses.

import { byId, replace, svg } from "./dom.js";

const KEY = "mitmvault-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const SUN = "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10zM12 1v3M12 20v3M4.2 4.2l2.1 2.1M17.7 17.7l2.1 2.1M1 12h3M20 12h3M4.2 19.8l2.1-2.1M17.7 6.3l2.1-2.1";
const MOON = "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z";

function show() {
  const chosen = localStorage.getItem(KEY);
  const theme = chosen ?? (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  const other = theme === "dark" ? "light" : "dark";
  const button = byId("theme");
  button.setAttribute("aria-label", `Switch to ${other} colours`);
  button.title = `Switch to ${other} colours`;
  const path = svg("path", { d: theme === "dark" ? SUN : MOON, class: "stroke" });
  replace(button, svg("svg", { viewBox: "0 0 24 24", width: 18, height: 18, "aria-hidden": "true" }, path));
}

export function start() {
  show();
  dark.addEventListener("change", show);
  byId("theme").addEventListener("click", () => {
    localStorage.setItem(KEY, document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    show();
  });
}
