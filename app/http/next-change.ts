import type { Store } from "../store/store.ts";

/** Resolves when any process has changed the store, after `ms`, or when `signal` aborts. */
export function nextChange(store: Store, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      unwatch();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const unwatch = store.onChange(done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}
