import { parseRetryAfter } from "../../shared/retry-after.ts";
import { SendError } from "./send-error.ts";

/** The time limit for a receiver's answer. */
const POST_LIMIT_MS = 10_000;
/** The longest part of an answer that an error shows, and that is read (characters). */
const MAX_ANSWER = 200;
const MAX_READ = 4_000;

/** Statuses of receivers that will never take this very message; 424 and 431 are Apprise's. */
const UNACCEPTABLE = [400, 413, 415, 422, 424, 431];

export interface PostOptions {
  headers?: Record<string, string>;
  /** Texts that no error may show, beside the parts of the address. */
  secrets?: readonly string[];
  /** The pause (ms) that a refusal asks for in its body; null where it asks for none. */
  pauseIn?: (answer: string) => number | null;
  /** By status: why an answer is a refusal although it is 2xx, or what a refusal means. */
  meanings?: Record<number, string>;
}

/**
 * Posts JSON to an address that is a secret: no error names any part of it, and no redirect is followed. User name and
 * password in the address are sent as Basic authentication.
 * @throws {SendError} unless the answer is 2xx.
 */
export async function postJson(
  address: string,
  body: string,
  { headers = {}, secrets = [], pauseIn = () => null, meanings = {} }: PostOptions = {},
): Promise<void> {
  const { url, authorization } = withoutUser(address);
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      body,
      redirect: "manual",
      headers: { "content-type": "application/json", "user-agent": "twinhook", ...authorization, ...headers },
      signal: AbortSignal.timeout(POST_LIMIT_MS),
    });
  } catch (error) {
    throw new SendError(reasonOf(error));
  }
  const { status } = response;
  const meaning = meanings[status];
  if (status >= 200 && status < 300 && meaning === undefined) {
    await response.body?.cancel();
    return;
  }
  const answer = await beginningOf(response).catch(() => "");
  const said = withoutSecrets(printable(answer), [...secretsIn(address), ...secrets]).slice(0, MAX_ANSWER);
  const asked = parseRetryAfter(response.headers.get("retry-after") ?? undefined, Date.now());
  const pause = pauseIn(answer) ?? asked;
  throw new SendError([`it answered ${status}`, ...[meaning, said].filter(Boolean)].join(": "), {
    retryAfterMs: [429, 503].includes(status) && pause ? pause : undefined,
    unacceptable: UNACCEPTABLE.includes(status),
  });
}

/** The address without user name and password, and the header that carries these. */
function withoutUser(address: string): { url: string; authorization: Record<string, string> } {
  const url = new URL(address);
  const { username, password } = url;
  if (username === "" && password === "") return { url: address, authorization: {} };
  url.username = "";
  url.password = "";
  const pair = `${decoded(username)}:${decoded(password)}`;
  return {
    url: url.href,
    authorization: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` },
  };
}

/** The parts of an address that may be secrets, the longest first. */
function secretsIn(address: string): string[] {
  const { href, pathname, search, searchParams, username, password } = new URL(address);
  const parts = [...pathname.split("/"), ...searchParams.values(), username, password];
  return [address, href, pathname + search, pathname, ...parts, ...parts.map(decoded)].toSorted(
    (a, b) => b.length - a.length,
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The beginning of an answer, which may be of any length. */
async function beginningOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_READ) break;
  }
  return text;
}

/** Why a call got no answer, by the system's error code alone: other error texts name the secret address. */
export function reasonOf(error: unknown): string {
  const { name, cause, code } = error as { name?: string; cause?: { code?: string }; code?: string | number };
  if (name === "TimeoutError") return `no answer within ${POST_LIMIT_MS} ms`;
  const known = cause?.code ?? (typeof code === "string" ? code : undefined);
  return known === undefined ? "it cannot be reached" : `it cannot be reached (${known})`;
}

/** Foreign text on one line, without control characters. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
}

/** The text with every secret replaced by `…`. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length > 3)
    .reduce((left, secret) => left.replaceAll(secret, "…"), text);
}
