import { StoreUnavailableError, type UnavailableCause } from "./errors.ts";

/** Rejects when `promise` takes longer than `limitMs`. The work itself goes on. */
export async function withLimit<T>(
  promise: Promise<T>,
  limitMs: number,
  cause: UnavailableCause,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new StoreUnavailableError(cause, `no commit within ${limitMs} ms`)),
      limitMs,
    );
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}
