import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { backoffDelay } from "../../shared/backoff.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { Client } from "./client.ts";
import type { EndpointAvailability } from "./endpoint-availability.ts";
import type { Journal } from "./journal.ts";

export interface DeliverOptions {
  client: Client;
  endpoints: readonly Endpoint[];
  /** Remembers which endpoints asked for a pause, also from an earlier delivery. */
  availability: EndpointAvailability;
  journal: Journal;
  maxAttempts: number;
  baseDelayMs: number;
  maxDelayMs: number;
  /** Whether another route remains if these endpoints fail. If so, no pause exceeds `maxDelayMs`. */
  another: boolean;
  /** No request begins after this time, in milliseconds since 1970. */
  deadline: number;
  now: () => number;
  random?: () => number;
  signal: AbortSignal;
  /** Called before each pause. */
  onPause?: (pauseMs: number, nextRound: number) => void;
}

/** How the delivery ended; the journal holds what was accepted. */
export type Delivery =
  | { kind: "accepted" }
  /** `unproven`: refused, because no instance accepts the credentials. */
  | { kind: "exhausted"; because: "rounds" | "refused" | "unproven" | "too long to wait" };

/** A whole round over all endpoints has failed. */
class RoundFailed extends Error {
  override readonly name = "RoundFailed";
}

/**
 * Sends the request to every endpoint in order, in rounds with a pause between them. It skips endpoints that
 * refused for good, that asked for a pause, or whose breaker is open. The deployment's key makes every
 * repetition harmless.
 * @throws the signal's reason when the step is stopped or out of time.
 */
export async function deliver(options: DeliverOptions): Promise<Delivery> {
  const { endpoints, availability, journal, signal, now, deadline } = options;
  let because: "rounds" | "refused" | "too long to wait" = "rounds";

  const round = async (number: number): Promise<Delivery> => {
    for (const endpoint of endpoints) {
      if (now() >= deadline) return { kind: "exhausted", because: "too long to wait" };
      const judgement = await availability.call(endpoint, () =>
        journal.record({ step: "deliver", endpoint, round: number }, () => options.client.request(endpoint)),
      );
      if (judgement?.kind === "deployment") return { kind: "accepted" };
    }
    throw new RoundFailed(`round ${number} brought nothing`);
  };

  /** The pause before the next round, or null when no further round makes sense. */
  const pauseAfter = (number: number): number | null => {
    const asked = availability.msUntilNext(endpoints);
    if (asked === null) {
      because = "refused";
      return null;
    }
    const own = backoffDelay(number, {
      baseMs: options.baseDelayMs,
      maxMs: options.maxDelayMs,
      ...(options.random && { random: options.random }),
    });
    const pause = Math.max(own, asked);
    if (now() + pause >= deadline || (options.another && pause > options.maxDelayMs)) {
      because = "too long to wait";
      return null;
    }
    return pause;
  };

  let pause: number | null = 0;
  try {
    return await pRetry(round, {
      retries: options.maxAttempts - 1,
      signal,
      // p-retry adds jitter to its delay and knows no Retry-After, so this function makes the pause.
      minTimeout: 0,
      onFailedAttempt: async ({ error, attemptNumber, retriesLeft }) => {
        if (!(error instanceof RoundFailed)) return;
        pause = pauseAfter(attemptNumber);
        if (pause === null || retriesLeft === 0) return;
        options.onPause?.(pause, attemptNumber + 1);
        await sleep(pause, undefined, { signal });
      },
      shouldRetry: ({ error }) => error instanceof RoundFailed && pause !== null,
    });
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RoundFailed) return { kind: "exhausted", because };
    throw error;
  }
}
