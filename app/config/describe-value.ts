/** Keys whose values may be secrets, or may be mistaken for the place of a secret. */
const SECRET_KEY = /secret|token|passw|private|credential|(^|_)env$|dsn/i;
/** Texts that are always secrets: keys, tokens, webhook URLs of chat services. */
const SECRET_TEXT =
  /whsec_|gh[a-z]_\w|github_pat_|-----BEGIN|xox[a-z]-|eyJ[\w-]+\.|hooks\.slack\.com|\/api\/webhooks\//;
const LONGEST = 80;

/** A value in the form that errors may show: short, on one line, and without secrets. */
export function describeValue(value: unknown, path: readonly PropertyKey[] = []): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object") {
    const keys = Object.keys(value);
    return keys.length === 0 ? "an empty map" : `a map of ${shorten(keys.map(describeKey).join(", "))}`;
  }
  const secret = path.some((part) => typeof part === "string" && SECRET_KEY.test(part));
  if (typeof value !== "string") return secret ? `a ${typeof value}` : String(value);
  if (secret || SECRET_TEXT.test(value)) return "text that is not shown, since it may be a secret";
  return JSON.stringify(shorten(withoutCredentials(value)));
}

/** A key in the form that errors may show. */
export function describeKey(key: string): string {
  return SECRET_TEXT.test(key) ? "(a key that looks like a secret)" : shorten(key);
}

/** A URL may hold a password before its host, and another among its parameters. */
function withoutCredentials(text: string): string {
  return text.replace(/^.*:.*@/s, "***@").replace(/\?.*$/s, "?…");
}

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
