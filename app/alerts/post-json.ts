import { SendError } from "./send-error.ts";

/** A receiver that takes longer is given up, and tried again later. */
const POST_LIMIT_MS = 10_000;
/** So much of an answer is shown where it says why. */
const MAX_ANSWER = 200;
const MAX_READ = 4_000;

/**
 * Posts JSON to an address that is itself a secret: no error names it, no redirect is followed.
 * @throws {SendError} unless the answer is 2xx.
 */
export async function postJson(
  url: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<void> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      body,
      redirect: "manual",
      headers: { "content-type": "application/json", "user-agent": "twinhook", ...headers },
      signal: AbortSignal.timeout(POST_LIMIT_MS),
    });
  } catch (error) {
    throw new SendError(reasonOf(error));
  }
  const { status } = response;
  if (status >= 200 && status < 300) {
    await response.body?.cancel();
    return;
  }
  const answer = await beginningOf(response).catch(() => "");
  const said = withoutSecrets(printable(answer), [url, new URL(url).pathname]).slice(0, MAX_ANSWER);
  const seconds = Number(response.headers.get("retry-after"));
  throw new SendError(`it answered ${status}${said === "" ? "" : `: ${said}`}`, {
    retryAfterMs: status === 429 && seconds > 0 ? seconds * 1000 : undefined,
    unacceptable: [400, 413, 415, 422].includes(status),
  });
}

/** An answer may be of any length; so much of it is read. */
async function beginningOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_READ) break;
  }
  return text;
}

/** Why a call brought no answer, in the words of the system alone: others name the address. */
export function reasonOf(error: unknown): string {
  const { name, cause, code } = error as { name?: string; cause?: { code?: string }; code?: string | number };
  if (name === "TimeoutError") return `no answer within ${POST_LIMIT_MS} ms`;
  const known = cause?.code ?? (typeof code === "string" ? code : undefined);
  return known === undefined ? "it cannot be reached" : `it cannot be reached (${known})`;
}

/** Text of someone else's on one line, without control characters. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
}

/** The same text with every secret taken out. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter((secret) => secret.length > 3)
    .reduce((left, secret) => left.replaceAll(secret, "…"), text);
}
