import pRetry from "p-retry";
import type { Clock } from "../clock.ts";
import { StoreUnavailableError } from "./errors.ts";

/** How long the store may be unavailable while its folder is deleted (ms). */
const DELETED_LIMIT_MS = 60 * 60_000;

/** Repeats `work` for as long as the store cannot commit. */
export type UntilAvailable = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * For records that must not be lost, however long the store is unavailable. Only a folder that stays deleted for an
 * hour ends the hope: then the error of the store is thrown. The hour is that of the returned function, whatever work
 * it repeats.
 */
export function untilAvailable(clock: Clock, isDeleted: () => boolean): UntilAvailable {
  let deletedSince: number | undefined;
  const isHopeless = () => {
    if (!isDeleted()) deletedSince = undefined;
    else deletedSince ??= clock.monotonic();
    return deletedSince !== undefined && clock.monotonic() - deletedSince > DELETED_LIMIT_MS;
  };
  return (work) =>
    pRetry(work, {
      retries: Number.POSITIVE_INFINITY,
      minTimeout: 50,
      maxTimeout: 1_000,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof StoreUnavailableError && !isHopeless(),
    });
}
