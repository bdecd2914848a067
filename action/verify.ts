import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "../shared/backoff.ts";
import { isFinal, satisfies, type WaitFor } from "../shared/deployment.ts";
import type { KnownDeployment } from "./answer.ts";
import type { Client } from "./client.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Acceptance, Journal } from "./journal.ts";
import { judgeReply } from "./judge.ts";
import type { ActionRequest } from "./request.ts";

/** How long an endpoint is asked to hold a poll until something changes, in seconds. */
const POLL_WAIT_SECONDS = 10;

export interface VerifyOptions {
  client: Client;
  endpoints: readonly Endpoint[];
  request: ActionRequest;
  journal: Journal;
  acceptance: Acceptance;
  waitFor: WaitFor;
  baseDelayMs: number;
  maxDelayMs: number;
  /** When the step's time is up, in milliseconds since 1970. */
  deadline: number;
  now: () => number;
  random?: () => number;
  signal: AbortSignal;
}

/** What reading back proved. */
export type Verification =
  | { kind: "confirmed" | "superseded" | "cancelled" | "failed"; deployment: KnownDeployment }
  /** Every endpoint refuses to show the deployment. */
  | { kind: "unreadable" };

/**
 * Reads the accepted deployment back, from the endpoint that accepted it and then from the others, until its
 * state settles what `waitFor` asks for. Nothing but such an answer settles it: not the acceptance itself, and
 * not an answer about another deployment.
 *
 * @throws the signal's reason when the step is stopped or out of time.
 */
export async function verify(options: VerifyOptions): Promise<Verification> {
  const { acceptance, journal, waitFor, now, signal } = options;
  const { id } = acceptance.last;
  const refused = new Set<Endpoint>();
  let asking = acceptance.endpoint;
  let settledByAnswer = settle(acceptance.last, waitFor) !== null;
  let failedRounds = 0;

  for (;;) {
    const order = [asking, ...options.endpoints.filter((endpoint) => endpoint !== asking)];
    let answered = false;
    let askedToWaitMs = 0;
    for (const endpoint of order) {
      if (refused.has(endpoint)) continue;
      const before = journal.acceptance?.last.status;
      const started = now();
      const waitSeconds = settledByAnswer ? 0 : secondsToWait(options.deadline - started);
      const judgement = await journal.record(
        { step: "confirm", endpoint, round: failedRounds + 1 },
        async () =>
          judgeReply(await options.client.read(endpoint, id, { waitSeconds, waitFor }), options.request, {
            expectedId: id,
            endpointUrl: endpoint.url,
            now: now(),
          }),
      );
      if (judgement.kind === "permanent") refused.add(endpoint);
      if (judgement.kind === "transient")
        askedToWaitMs = Math.max(askedToWaitMs, judgement.retryAfterMs ?? 0);
      if (judgement.kind !== "deployment") continue;

      const settled = settle(judgement.deployment, waitFor);
      if (settled) return { kind: settled, deployment: judgement.deployment };
      settledByAnswer = false;
      answered = true;
      asking = endpoint;
      failedRounds = 0;
      // An instance that answers at once although nothing changed must not be asked without a pause.
      const early = options.baseDelayMs - (now() - started);
      if (early > 0 && judgement.deployment.status === before)
        await sleep(early, undefined, { signal }).catch(rethrowReason);
      break;
    }
    if (answered) continue;
    if (order.every((endpoint) => refused.has(endpoint))) return { kind: "unreadable" };
    failedRounds += 1;
    const pause = backoffDelay(Math.min(failedRounds, 30), {
      baseMs: options.baseDelayMs,
      maxMs: options.maxDelayMs,
      ...(options.random && { random: options.random }),
    });
    // Not beyond the step's end, where the signal takes over: longer timers than 24 days would fire at once.
    const pauseMs = Math.min(
      Math.max(10, pause, askedToWaitMs),
      Math.max(10, options.deadline - now() + 1_000),
    );
    await sleep(pauseMs, undefined, { signal }).catch(rethrowReason);
  }

  function rethrowReason(error: unknown): never {
    signal.throwIfAborted();
    throw error;
  }
}

/** What a state settles, or null while it settles nothing. */
function settle(
  deployment: KnownDeployment,
  waitFor: WaitFor,
): Exclude<Verification["kind"], "unreadable"> | null {
  const { status } = deployment;
  if (status === "superseded" || status === "cancelled") return status;
  if (satisfies(status, waitFor)) return "confirmed";
  return isFinal(status) ? "failed" : null;
}

function secondsToWait(remainingMs: number): number {
  return Math.max(0, Math.min(POLL_WAIT_SECONDS, Math.floor(remainingMs / 1_000)));
}
