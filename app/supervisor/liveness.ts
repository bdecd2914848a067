import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../clock.ts";

const INTERVAL_MS = 700;
const ANSWER_LIMIT_MS = 700;
/** So many checks in a row without a word, and a process that was up counts as frozen if it is stopped. */
const SILENT_CHECKS = 3;
/** One that is not may only have no time, on a machine so busy that starting it anew would make things worse. */
const MOST_SILENT_CHECKS = 20;
/** A process may wait this long for its store, or migrate it, before it listens. */
const START_LIMIT_MS = 5 * 60_000;

/**
 * Asks the instance at `url` again and again whether it lives, and resolves with the reason once it has stopped to
 * answer. A refused connection alone is none: the instance may be starting, or shutting down. `isStopped` tells
 * whether the operating system has stopped its process; `onUp` is called at its first answer. Rejects when `signal`
 * aborts.
 */
export async function untilFrozen(
  url: string,
  {
    clock,
    signal,
    isStopped,
    onUp,
  }: { clock: Clock; signal: AbortSignal; isStopped: () => boolean; onUp: () => void },
): Promise<string> {
  let answeredAt = clock.monotonic();
  let wasUp = false;
  for (let silent = 0; ; ) {
    const askedAt = clock.monotonic();
    const heard = await ask(`${url}/livez`);
    signal.throwIfAborted();
    const now = clock.monotonic();
    if (heard === "answer") {
      if (!wasUp) onUp();
      wasUp = true;
      answeredAt = now;
    }
    silent = heard === "silence" && wasUp ? silent + 1 : 0;
    if (silent >= MOST_SILENT_CHECKS || (silent >= SILENT_CHECKS && isStopped()))
      return `it left ${silent} checks in a row without an answer`;
    if (now - answeredAt > START_LIMIT_MS)
      return `it has not answered for ${START_LIMIT_MS / 60_000} minutes`;
    await clock.sleep(Math.max(0, INTERVAL_MS - (now - askedAt)), signal);
  }
}

function ask(url: string): Promise<"answer" | "silence" | "refusal"> {
  return new Promise((resolve) => {
    const secure = url.startsWith("https:");
    // The certificate is for the public name.
    const options = { agent: false as const };
    const onResponse = (response: IncomingMessage) => {
      response.destroy();
      resolve("answer");
    };
    const request = secure
      ? httpsRequest(url, { ...options, rejectUnauthorized: false }, onResponse)
      : httpRequest(url, options, onResponse);
    request.on("error", () => resolve("refusal"));
    const limit = setTimeout(() => {
      // An answer may lie here unread, where it was this process that had no time; it is read before this goes on.
      setImmediate(() => {
        resolve("silence");
        request.destroy();
      });
    }, ANSWER_LIMIT_MS);
    request.on("close", () => clearTimeout(limit));
    request.end();
  });
}
