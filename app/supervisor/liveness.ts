import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Clock } from "../clock.ts";

const INTERVAL_MS = 700;
const ANSWER_LIMIT_MS = 700;
/** A stopped process that was up counts as frozen after so many silent checks in a row. */
const SILENT_CHECKS = 3;
/**
 * A process that is not stopped gets more checks. The machine may just be busy, and a restart would make it
 * worse.
 */
const MOST_SILENT_CHECKS = 20;
/** How long a process may wait for its store, or migrate it, before it listens. */
const START_LIMIT_MS = 5 * 60_000;

/**
 * Checks repeatedly that the instance at `url` is live, and resolves with the reason once it is frozen. A
 * refused connection does not count: the instance may be starting or shutting down. `isStopped` tells whether
 * the operating system has stopped the process. `onUp` is called at the first answer. Rejects when `signal`
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
      return `it did not answer ${silent} checks in a row`;
    if (now - answeredAt > START_LIMIT_MS)
      return `it has not answered for ${START_LIMIT_MS / 60_000} minutes`;
    await clock.sleep(Math.max(0, INTERVAL_MS - (now - askedAt)), signal);
  }
}

/** A new connection for each check would take most of its time. */
const AGENTS = { http: new HttpAgent({ keepAlive: true }), https: new HttpsAgent({ keepAlive: true }) };

function ask(url: string): Promise<"answer" | "silence" | "refusal"> {
  return new Promise((resolve) => {
    const secure = url.startsWith("https:");
    const onResponse = (response: IncomingMessage) => {
      response.resume();
      resolve("answer");
    };
    const request = secure
      ? // The certificate names the public host, not this address.
        httpsRequest(url, { agent: AGENTS.https, rejectUnauthorized: false }, onResponse)
      : httpRequest(url, { agent: AGENTS.http }, onResponse);
    request.on("error", () => resolve("refusal"));
    const limit = setTimeout(() => {
      // If this process was too busy, an answer may lie unread; the event loop reads it first.
      setImmediate(() => {
        resolve("silence");
        request.destroy();
      });
    }, ANSWER_LIMIT_MS);
    request.on("close", () => clearTimeout(limit));
    request.end();
  });
}
