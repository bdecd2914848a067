import pRetry from "p-retry";
import { StoreUnavailableError } from "./errors.ts";

/**
 * Repeats `work` for as long as the store cannot commit. For records that must not be lost, however long that
 * takes.
 */
export function untilAvailable<T>(work: () => Promise<T>): Promise<T> {
  return pRetry(work, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 50,
    maxTimeout: 1_000,
    randomize: true,
    shouldRetry: ({ error }) => error instanceof StoreUnavailableError,
  });
}
