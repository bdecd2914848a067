import { StoreUnavailableError, type UnavailableCause } from "./errors.ts";

/**
 * Rejects when `promise` takes longer than `limitMs`. The work itself goes on. If this process was too busy, an answer
 * may lie unread when the time is up. The event loop reads it first.
 */
export async function withLimit<T>(
  promise: Promise<T>,
  limitMs: number,
  cause: UnavailableCause,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    const end = () => reject(new StoreUnavailableError(cause, `no commit within ${limitMs} ms`));
    timer = setTimeout(() => setImmediate(end), limitMs);
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
