/** A route for the request: an endpoint of the App from the workflow, or GitHub itself. */
export interface Endpoint {
  /** `primary` for the first, `backup` for the second, then `backup 2`, `backup 3` … */
  name: string;
  /** The value of the output `route` for it. */
  route: "primary" | "backup" | "github";
  /** The base URL without a trailing slash; `/api/…` is appended. */
  url: string;
  /** Name and origin, for people. The path is left out: it may be a secret. */
  label: string;
}

/** The endpoint's name within a sentence. */
export function called({ route, label }: Endpoint): string {
  return route === "github" ? label : `the ${label}`;
}

/** The endpoints, and the problems of all other lines. */
export interface ParsedEndpoints {
  endpoints: Endpoint[];
  problems: string[];
}

const EXPECTED = "expected an http:// or https:// URL";

/** Reads one URL a line. Skips empty lines and comments: from a `#` at the start or after white space. */
export function parseEndpoints(text: string): ParsedEndpoints {
  const endpoints: Endpoint[] = [];
  const problems: string[] = [];
  const firstLine = new Map<string, number>();
  for (const [index, raw] of text.split("\n").entries()) {
    const written = raw.replace(/(^|\s)#.*$/, "").trim();
    if (written === "") continue;
    const line = index + 1;
    const read = parseBase(written);
    if ("problem" in read) {
      problems.push(`line ${line}: ${read.problem}`);
      continue;
    }
    const before = firstLine.get(read.url);
    if (before === undefined) {
      firstLine.set(read.url, line);
      endpoints.push(named(read.url, read.origin, endpoints.length));
    } else problems.push(`line ${line}: repeats the URL of line ${before}`);
  }
  if (endpoints.length === 0 && problems.length === 0) problems.push(`${EXPECTED} per line, got nothing`);
  return { endpoints, problems };
}

/** Whether requests to this endpoint travel unencrypted beyond this machine. */
export function isPlainAndRemote(endpoint: Endpoint): boolean {
  const { protocol, hostname } = new URL(endpoint.url);
  return protocol === "http:" && !/^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}

function named(url: string, origin: string, index: number): Endpoint {
  const name = index === 0 ? "primary" : index === 1 ? "backup" : `backup ${index}`;
  return { name, route: index === 0 ? "primary" : "backup", url, label: `${name} (${origin})` };
}

/** The problem does not repeat a malformed URL, which may hold a password. */
function parseBase(written: string): { url: string; origin: string } | { problem: string } {
  if (/\s|,/.test(written)) return { problem: `${EXPECTED}, one a line, got several in one line` };
  if (!URL.canParse(written)) return { problem: `${EXPECTED}, got something that is not a URL` };
  const url = new URL(written);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    return { problem: `${EXPECTED}, got one that starts with ${url.protocol}` };
  if (url.username !== "" || url.password !== "")
    return { problem: `${EXPECTED} without user name and password (requests are signed with \`secret\`)` };
  if (url.search !== "" || url.hash !== "" || written.includes("?"))
    return { problem: `${EXPECTED} without anything from "?" or "#" on` };
  return { url: url.origin + url.pathname.replace(/\/+$/, ""), origin: url.origin };
}
