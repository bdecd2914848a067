import { setTimeout as sleep } from "node:timers/promises";
import { backoffDelay } from "../../shared/backoff.ts";
import { isFinal, satisfies, type WaitFor } from "../../shared/deployment.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { KnownDeployment } from "./answer.ts";
import type { Breakers } from "./breakers.ts";
import type { Client } from "./client.ts";
import { EndpointAvailability } from "./endpoint-availability.ts";
import { TimeUp } from "./ends.ts";
import type { Acceptance, Journal } from "./journal.ts";
import type { Judgement } from "./judge.ts";

/** How long a route may hold a poll until something changes, in seconds. */
const POLL_WAIT_SECONDS = 10;
/** The shortest pause between two log lines about waiting. */
const PROGRESS_MS = 10_000;

export interface VerifyOptions {
  client: Client;
  /** In the order of calls after the accepting endpoint; GitHub, if allowed, is the last. */
  endpoints: readonly Endpoint[];
  breakers: Breakers;
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
  /** Called now and then while nothing changes. */
  onWaiting?: (waitedMs: number) => void;
}

/** The result of reading back. */
export type Verification =
  | { kind: "confirmed" | "superseded" | "cancelled" | "failed"; deployment: KnownDeployment }
  /** Every route refuses to show the deployment. */
  | { kind: "unreadable" }
  /** The App refuses the parked request. */
  | { kind: "refused" };

/**
 * Reads the accepted deployment back until its state settles `waitFor`. It calls the accepting route first,
 * then the others. Only such an answer settles it: the acceptance itself does not, nor an answer about
 * another deployment.
 * @throws the signal's reason when the step is stopped or out of time.
 */
export async function verify(options: VerifyOptions): Promise<Verification> {
  const { acceptance, journal, waitFor, now, signal } = options;
  const began = now();
  const availability = new EndpointAvailability(options.breakers, now);
  const id = () => journal.acceptance?.last.id ?? "";
  let asking = acceptance.endpoint;
  let settledByAnswer = settle(acceptance.last, waitFor) !== null;
  let failedRounds = 0;
  let toldAt = began;

  for (;;) {
    const order = [asking, ...options.endpoints.filter((endpoint) => endpoint !== asking)];
    let answered = false;
    // Endpoints show deployments by id only, and a parked request has no id yet.
    const able = order.filter(({ route }) => id() !== "" || route === "github");
    for (const endpoint of able) {
      const before = journal.acceptance?.last;
      const started = now();
      const waitSeconds = settledByAnswer ? 0 : secondsToWait(options.deadline - started);
      const judgement = await availability.call(endpoint, () =>
        ask(endpoint, { waitSeconds, round: failedRounds + 1 }),
      );
      if (judgement?.kind !== "deployment") continue;

      const settled = settle(judgement.deployment, waitFor);
      if (settled) {
        const deployment = await inDetail(endpoint, judgement.deployment);
        return { kind: settle(deployment, waitFor) ?? settled, deployment };
      }
      settledByAnswer = false;
      answered = true;
      // GitHub knows less, and later: it is called only while no endpoint answers.
      if (endpoint.route !== "github") asking = endpoint;
      failedRounds = 0;
      if (now() - toldAt >= PROGRESS_MS) {
        options.onWaiting?.(now() - began);
        toldAt = now();
      }
      // An instance that answers at once without a change must not be called without a pause.
      const early = options.baseDelayMs - (now() - started);
      if (early > 0 && judgement.deployment.status === before?.status)
        await sleep(early, undefined, { signal }).catch(rethrowReason);
      break;
    }
    if (answered) continue;
    // A pause that one route asks for holds up no other route.
    const asked = availability.msUntilNext(able);
    if (asked === null) return { kind: journal.acceptance?.last.onRecord ? "unreadable" : "refused" };
    failedRounds += 1;
    const own = backoffDelay(Math.min(failedRounds, 30), {
      baseMs: options.baseDelayMs,
      maxMs: options.maxDelayMs,
      ...(options.random && { random: options.random }),
    });
    // Not beyond the step's end, where the signal takes over: timers longer than 24 days would fire at once.
    const pauseMs = Math.min(Math.max(10, own, asked), Math.max(10, options.deadline - now() + 1_000));
    await sleep(pauseMs, undefined, { signal }).catch(rethrowReason);
  }

  function ask(
    endpoint: Endpoint,
    { waitSeconds, round }: { waitSeconds: number; round: number },
  ): Promise<Judgement> {
    return journal.record({ step: "confirm", endpoint, round }, () =>
      options.client.read(endpoint, { id: id(), waitSeconds, waitFor }),
    );
  }

  /**
   * Asks an instance for the details of a deployment that GitHub showed: exit code and log. This call also
   * tells the App that the Action has seen the deployment confirmed.
   */
  async function inDetail(from: Endpoint, shown: KnownDeployment): Promise<KnownDeployment> {
    if (from.route !== "github" || acceptance.endpoint !== from || id() === "") return shown;
    try {
      for (const endpoint of options.endpoints.filter(({ route }) => route !== "github")) {
        const judgement = await ask(endpoint, { waitSeconds: 0, round: failedRounds + 1 });
        if (judgement.kind === "deployment" && settle(judgement.deployment, waitFor) !== null)
          return judgement.deployment;
      }
    } catch (error) {
      // GitHub's status counts, even if the time is up now.
      if (!(error instanceof TimeUp)) throw error;
    }
    return shown;
  }

  function rethrowReason(error: unknown): never {
    signal.throwIfAborted();
    throw error;
  }
}

/** The verification that a state proves, or null while it proves none. */
function settle(
  deployment: KnownDeployment,
  waitFor: WaitFor,
): Exclude<Verification["kind"], "unreadable" | "refused"> | null {
  const { status, onRecord } = deployment;
  if (!onRecord) return null;
  if (status === "superseded" || status === "cancelled") return status;
  if (satisfies(status, waitFor)) return "confirmed";
  return isFinal(status) ? "failed" : null;
}

function secondsToWait(remainingMs: number): number {
  return Math.max(0, Math.min(POLL_WAIT_SECONDS, Math.floor(remainingMs / 1_000)));
}
