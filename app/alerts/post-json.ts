import { SendError } from "./send-error.ts";

/** The time limit for a receiver's answer. */
const POST_LIMIT_MS = 10_000;
/** The longest part of an answer that an error shows, and that is read (characters). */
const MAX_ANSWER = 200;
const MAX_READ = 4_000;

/**
 * Posts JSON to an address that is a secret: no error names it, and no redirect is followed.
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
