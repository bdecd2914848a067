import { type CatchUpOptions, catchUp } from "./catch-up.ts";
import { type ReconcileOptions, reconcile } from "./reconcile.ts";
import { Recurring } from "./recurring.ts";

const CATCH_UP_MS = 60_000;
const RECONCILE_MS = 10 * 60_000;

/** The looks that the controller takes at GitHub, again and again: the catch-up first, then the reconciling. */
export function recurringLooks(
  options: CatchUpOptions & ReconcileOptions,
): Record<"catchUp" | "reconcile", Recurring> {
  const { clock, log, lease } = options;
  const common = { clock, log, may: () => lease.held };
  return {
    catchUp: new Recurring({
      ...common,
      name: "the catch-up",
      everyMs: CATCH_UP_MS,
      work: (signal) => catchUp(options, signal),
    }),
    reconcile: new Recurring({
      ...common,
      name: "the reconciling",
      everyMs: RECONCILE_MS,
      work: (signal) => reconcile(options, signal),
    }),
  };
}
