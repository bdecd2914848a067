import type { Evidence } from "./evidence.ts";

/** An instance that is away for less may stay the active one. */
const LONG_MS = 3_500;
/** A change that comes later has another cause. */
const LIMIT_MS = 20_000;

/** How long GitHub went on delivering to an active instance that was killed or frozen, by kind of fault. */
export function failoverTimes({ happened, urls }: Evidence): { what: string; ms: number }[] {
  return happened.flatMap(({ fault, at, active, hit }) => {
    const takes = fault.what === "kill" || (fault.what === "freeze" && fault.forMs >= LONG_MS);
    if (!takes || fault.whom === "both" || !hit.includes(active)) return [];
    const next = urls.find((change) => change.at >= at);
    return next && next.at - at < LIMIT_MS ? [{ what: fault.what, ms: next.at - at }] : [];
  });
}

/** The p-th part of the sorted values, the largest at 1. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(p * sorted.length) - 1)] ?? Number.NaN;
}
