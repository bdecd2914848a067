import type { Accepted } from "../accept/accepted.ts";
import type { Acceptor } from "../accept/acceptor.ts";
import type { Arrival } from "../accept/arrival.ts";

/** If several scans found the same run, the first of these counts: a parked request holds more than the event. */
const SOURCES: readonly Arrival["source"][] = ["github_deployment", "catch_up", "reconcile"];

/**
 * Accepts arrivals in the order of their runs, so that none supersedes an older one that was found with it. Arrivals
 * without a target come last. Returns the result of each. A run that both an event and GitHub's list of runs brought is
 * accepted once, by its event.
 */
export async function acceptInOrder(
  acceptor: Pick<Acceptor, "accept">,
  found: readonly Arrival[],
): Promise<Map<Arrival, Accepted>> {
  const events = new Set(found.filter(({ source }) => source === "catch_up").map(runOf));
  const arrivals = found
    .filter((arrival) => arrival.source !== "reconcile" || !events.has(runOf(arrival)))
    .sort(compare);
  const results = await Promise.all(arrivals.map((arrival) => acceptor.accept(arrival)));
  return new Map(results.map((result, index) => [arrivals[index] as Arrival, result]));
}

function runOf({ repository, facts }: Arrival): string {
  return `${repository} ${facts?.runId} ${facts?.runAttempt}`;
}

function compare(a: Arrival, b: Arrival): number {
  return (
    Number(a.targets.length === 0) - Number(b.targets.length === 0) ||
    (a.repository < b.repository ? -1 : Number(a.repository > b.repository)) ||
    (a.facts?.runId ?? 0) - (b.facts?.runId ?? 0) ||
    (a.facts?.runAttempt ?? 0) - (b.facts?.runAttempt ?? 0) ||
    SOURCES.indexOf(a.source) - SOURCES.indexOf(b.source)
  );
}
