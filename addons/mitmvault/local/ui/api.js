// Questions to the proxy. The session is a cookie that no script can read, and a word that is kept here.

const WORD = "mitmvault-page";

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function ask(method, path, headers) {
  let answer;
  try {
    answer = await fetch(path, { method, headers, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Refused(0, "The proxy does not answer.");
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, found?.error?.message ?? `The proxy answered ${answer.status}.`);
  return found;
}

export const signedIn = () => localStorage.getItem(WORD) !== null;

export async function signIn(token) {
  const found = await ask("POST", "session", { Authorization: `Bearer ${token}` });
  localStorage.setItem(WORD, found.page);
}

export async function signOut() {
  localStorage.removeItem(WORD);
  await ask("DELETE", "session", {}).catch(() => undefined);
}

export function get(name, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given).toString();
  const headers = { "X-Mitmvault-Page": localStorage.getItem(WORD) ?? "none" };
  return ask("GET", `api/${name}${text ? `?${text}` : ""}`, headers);
}
