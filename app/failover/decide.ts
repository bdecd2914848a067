import { type Health, MIN_SAMPLES, type Thresholds } from "./health-window.ts";

/** An endpoint in order of preference, with its health as this observer sees it. */
export interface ObservedEndpoint {
  name: string;
  health: Health;
}

export interface Situation {
  /** The most preferred first. */
  endpoints: readonly ObservedEndpoint[];
  /** The active endpoint by the last decision. */
  active: string;
  /** The endpoint that a person pinned by a switchover; null without a pin. */
  pinned: string | null;
  /** Whether the pin holds even while its endpoint is down. */
  forced: boolean;
  thresholds: Thresholds;
  /** The observer's monotonic clock (ms). */
  now: number;
  /** Whether the observer has only just started, so that `unknown` does not yet count as down. */
  grace: boolean;
}

export type Decision =
  | { kind: "stay"; reason: string; allDown: boolean; dropPin: boolean }
  | { kind: "failover" | "switchover" | "recovery"; to: string; reason: string; dropPin: boolean };

/** An endpoint must not have been unhealthy for this long before a move to it by choice. */
export const RECOVERY_PAUSE_MS = 10_000;

/**
 * Decides which endpoint is to be active. It is a pure function. It moves only to a strictly better endpoint, or back
 * to a preferred one that has recovered. If all are down, it stays. After the observer stood still, it stays until new
 * checks have ended.
 */
export function decide(situation: Situation): Decision {
  const { endpoints, active, pinned, forced, grace } = situation;
  const find = (name: string) => endpoints.find((endpoint) => endpoint.name === name);
  const current = find(active);
  const pin = pinned === null ? undefined : find(pinned);
  const isLost = (pin: ObservedEndpoint) =>
    rank(pin, grace) === DOWN &&
    endpoints.some((e) => e !== pin && e.health.status === "healthy" && !mayShare(pin, e, situation));
  // If all were shut down on purpose, that is no outage.
  const allShutDown = endpoints.every(({ health }) => health.shutDown);
  const allDown = !allShutDown && endpoints.every((endpoint) => rank(endpoint, grace) === DOWN);
  const stay = (reason: string, dropPin: boolean): Decision => ({ kind: "stay", reason, allDown, dropPin });
  const stale = endpoints.filter(({ health }) => health.stale);
  if (stale.length > 0)
    return stay(`this instance stood still, and looks anew at ${stale.map((e) => e.name).join(", ")}`, false);
  if (pin && (forced || !isLost(pin))) {
    if (pin.name === active) return stay(`${pin.name} is pinned`, false);
    return { kind: "switchover", to: pin.name, reason: `${pin.name} was pinned`, dropPin: false };
  }
  const dropPin = pinned !== null;
  const move = (kind: "failover" | "switchover" | "recovery", to: string, reason: string): Decision => ({
    kind,
    to,
    reason,
    dropPin,
  });

  const better = best(situation, current);
  if (better && current?.health.shutDown)
    return move("switchover", better.name, `${active} is stopped: ${current.health.reason}`);
  if (better && current)
    return move("failover", better.name, `${active} is ${current.health.status}: ${current.health.reason}`);
  if (better) return move("failover", better.name, `${active} is not configured any more`);

  const preferred = endpoints.slice(
    0,
    Math.max(
      0,
      endpoints.findIndex((e) => e.name === active),
    ),
  );
  const recovered = preferred.find((endpoint) => hasRecovered(endpoint.health, situation));
  // No failback while the active endpoint fails checks: it may hang, and the next checks show that.
  if (recovered && !current?.health.consecutiveFailures)
    return move("recovery", recovered.name, `${recovered.name} has recovered and is preferred`);
  if (allDown) return stay("no endpoint is up; the URL stays", dropPin);
  if (allShutDown) return stay("all instances are stopped; the URL stays", dropPin);
  return stay(`${active} is ${current?.health.status ?? "unknown"}`, dropPin);
}

const DOWN = 2;

/** 0 is best. `unknown` counts as down only after the grace time. */
function rank({ health: { status } }: ObservedEndpoint, grace: boolean): number {
  if (status === "healthy") return 0;
  if (status === "degraded") return 1;
  return status === "unknown" && grace ? 0 : DOWN;
}

/** The best endpoint that is strictly better than the current one, if any. */
function best(situation: Situation, current: ObservedEndpoint | undefined) {
  const { endpoints, grace, now } = situation;
  const limit = current ? rank(current, grace) : DOWN + 1;
  const candidates = endpoints.filter((endpoint) => {
    const { status, lastUnhealthyAt } = endpoint.health;
    if (endpoint === current || status === "unknown" || status === "unhealthy") return false;
    if (rank(endpoint, grace) >= limit) return false;
    if (current && mayShare(current, endpoint, situation)) return false;
    // An active endpoint that still serves does not give way to one that was down a moment ago.
    const shaky = lastUnhealthyAt !== null && now - lastUnhealthyAt < RECOVERY_PAUSE_MS;
    return limit === DOWN || !shaky;
  });
  return candidates.sort((a, b) => rank(a, grace) - rank(b, grace))[0];
}

/**
 * Whether `one` fails by its store alone, and `other` may have the same store. Instances notice a store's failure and
 * its return at different times. So `other` counts as unaffected only after it has proven several times that it commits.
 */
function mayShare(
  one: ObservedEndpoint,
  other: ObservedEndpoint,
  { thresholds: { failover_threshold: enough } }: Situation,
): boolean {
  const proven = one.health.consecutiveFailures >= 2 * enough && other.health.consecutiveSuccesses > enough;
  return one.health.storeFails && !proven;
}

function hasRecovered(health: Health, { thresholds: t, now }: Situation): boolean {
  const { status, consecutiveSuccesses, averageMs, successRate, samples } = health;
  const { lastUnhealthyAt, outOfReachUntil } = health;
  return (
    status === "healthy" &&
    consecutiveSuccesses >= t.recovery_threshold &&
    (averageMs === null || averageMs < t.recovery_response_time) &&
    (samples < MIN_SAMPLES || successRate === null || successRate > t.recovery_success_rate) &&
    (lastUnhealthyAt === null || now - lastUnhealthyAt >= RECOVERY_PAUSE_MS) &&
    // No check shows when GitHub reaches it again. So a failback is tried after a time.
    (outOfReachUntil === null || now >= outOfReachUntil)
  );
}
