import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { StoreUnavailableError, type UnavailableCause } from "./errors.ts";

const PAUSE_MS = 500;
/** Causes that do not pass by themselves. */
const LASTING: readonly UnavailableCause[] = ["broken", "read_only", "pooled"];

/**
 * Repeats `act` until the store is available. So an instance can start while its store is unavailable for a
 * moment. Logs each reason once.
 * @throws {StoreUnavailableError} when the reason does not pass by itself, and any other error of `act`.
 */
export async function onceAvailable<T>(
  act: () => Promise<T>,
  { clock, log }: { clock: Clock; log: Pick<Logger, "warn"> },
): Promise<T> {
  let reported: UnavailableCause | undefined;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || LASTING.includes(error.reason)) throw error;
      if (error.reason !== reported) log.warn(`waiting for the store: ${error.message}`);
      reported = error.reason;
      await clock.sleep(PAUSE_MS);
    }
  }
}
