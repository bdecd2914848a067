import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { StoreUnavailableError, type UnavailableCause } from "./errors.ts";

const PAUSE_MS = 500;
/** These do not pass by themselves. */
const LASTING: readonly UnavailableCause[] = ["broken", "read_only"];

/**
 * Does `act` with the store, and repeats it until the store is available: an instance starts also while its store is
 * away for a moment. The log tells each reason once.
 * @throws {StoreUnavailableError} when the reason does not pass by itself, and whatever else `act` throws.
 */
export async function onceAvailable<T>(
  act: () => Promise<T>,
  { clock, log }: { clock: Clock; log: Pick<Logger, "warn"> },
): Promise<T> {
  let told: UnavailableCause | undefined;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof StoreUnavailableError) || LASTING.includes(error.reason)) throw error;
      if (error.reason !== told) log.warn(`waiting for the store: ${error.message}`);
      told = error.reason;
      await clock.sleep(PAUSE_MS);
    }
  }
}
