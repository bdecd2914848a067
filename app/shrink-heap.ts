import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** The first scans are over by then, and what lives shorter need not pay for it. */
export const SETTLED_MS = 30_000;

/**
 * Gives back the memory that the start of this process or thread took, a quarter of all, some seconds after it. V8 leaves
 * its old generation alone until that reaches its first limit, which an idle process never does. It takes 40 ms, once.
 */
export function shrinkHeapAfterStart(): void {
  setTimeout(() => {
    // Only a context that is made after the flag has the function.
    setFlagsFromString("--expose-gc");
    (runInNewContext("gc") as NodeJS.GCFunction)();
  }, SETTLED_MS).unref();
}
