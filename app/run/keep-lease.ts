import type { Clock } from "../clock.ts";
import { type Lease, LeaseLostError } from "../queue/lease.ts";
import { renew } from "../queue/renew.ts";
import { withLimit } from "../store/limit.ts";
import type { Store } from "../store/store.ts";
import { untilAvailable } from "../store/until-available.ts";
import type { Execution } from "./execute.ts";

/** A third of the lease. */
const RENEW_MS = 10_000;
/**
 * The limit for one renewal. A lost connection to the database can leave it without an answer for minutes.
 */
const RENEW_LIMIT_MS = 2_000;
/** How long until a failed renewal is repeated. */
const RENEW_RETRY_MS = 1_000;
/**
 * On PostgreSQL a command is ended this long after the last renewal. That is well before another host may
 * take over.
 */
const LEASE_LOST_MS = 15_000;

/**
 * Renews a lease whose claim was answered late, before its command begins. Returns since when the lease lasts, at the
 * latest (ms, monotonic). `askedAt` is from before the claim.
 * @throws {LeaseLostError} when another holder has taken over.
 */
export async function refreshLease(
  store: Store,
  clock: Clock,
  lease: Lease,
  askedAt: number,
): Promise<number> {
  let since = askedAt;
  while (clock.monotonic() - since >= RENEW_MS)
    since = await untilAvailable(async () => {
      const sentAt = clock.monotonic();
      await renew(store, lease);
      return sentAt;
    });
  return since;
}

/**
 * Renews the lease of a running deployment, and ends its command when a user cancels it.
 * Where hosts share the store, it also ends the command when the lease cannot be kept. On one host the lock
 * of the operating system protects the command, even without a lease.
 * Goes on until the returned function is called.
 */
export function keepLease(options: {
  store: Store;
  clock: Clock;
  lease: Lease;
  /** Since when the lease lasts (ms, monotonic). */
  since: number;
  execution: Execution;
}): () => void {
  const { store, clock, lease, execution } = options;
  let renewedAt = options.since;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const renewNow = async () => {
    const sentAt = clock.monotonic();
    const renewal = renew(store, lease).then((renewed) => {
      // A renewal that answers late still counts.
      renewedAt = Math.max(renewedAt, sentAt);
      return renewed;
    });
    try {
      const { cancelRequested } = await withLimit(renewal, RENEW_LIMIT_MS, "slow");
      if (cancelRequested) execution.end("cancel");
      schedule(RENEW_MS);
    } catch (error) {
      const lost = error instanceof LeaseLostError || clock.monotonic() - renewedAt > LEASE_LOST_MS;
      if (lost && store.can.severalHosts) execution.end("lease_lost");
      schedule(RENEW_RETRY_MS);
    }
  };
  const schedule = (ms: number) => {
    if (!stopped) timer = setTimeout(() => void renewNow(), ms);
  };
  schedule(Math.max(0, renewedAt + RENEW_MS - clock.monotonic()));

  const watch = async () => {
    const row = await store.read
      .selectFrom("deployments")
      .select("cancel_requested_at")
      .where("id", "=", lease.deploymentId)
      .executeTakeFirst();
    if (row?.cancel_requested_at) execution.end("cancel");
  };
  // A failed read is repeated at the next change or renewal.
  const check = () => void watch().catch(() => {});
  const unwatch = store.onChange(check);
  check();

  return () => {
    stopped = true;
    clearTimeout(timer);
    unwatch();
  };
}
