import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { type ControllerLease, NotControllerError } from "../failover/controller-lease.ts";
import { announce } from "../queue/announce.ts";
import { noteOutcome } from "../queue/note-outcome.ts";
import { describePassedOver } from "../queue/placement/finish-host.ts";
import { pendingHosts } from "../queue/placement/host-runs.ts";
import {
  type MissingHosts,
  missingHosts,
  type PlacedRow,
  type PlacedTarget,
} from "../queue/placement/host-work.ts";
import { closeCondition, openCondition } from "../queue/raise-alert.ts";
import type { Store, StoreContext, Writer } from "../store/store.ts";
import { WakeLoop } from "../wake-loop.ts";

const LOOK_MS = 1_000;
/** A deployment may wait so long for a host before people are told: a restart takes less. */
const RESTART_MS = 30_000;
const KIND = "host_missing" as const;

export interface HostWatchOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  /** Only the controller notes what is missing. */
  lease: ControllerLease;
  /** The targets whose command runs on certain hosts. */
  targets: readonly PlacedTarget[];
  /** Whether a success is an alert. */
  tellSuccess: boolean;
}

/** Says on deployments which hosts they wait for, and raises the alert about it. */
export class HostWatch {
  #o: HostWatchOptions;
  #loop: WakeLoop;
  #unwatch: (() => void) | undefined;
  /** When this instance first saw each subject wait (ms, monotonic). */
  #since = new Map<string, number>();

  constructor(options: HostWatchOptions) {
    this.#o = options;
    this.#loop = new WakeLoop({
      step: () => this.#check(),
      clock: options.clock,
      retryMs: LOOK_MS,
      onTrouble: (error) => {
        if (!(error instanceof NotControllerError))
          options.log.debug(`cannot note missing hosts, retry in 1 s: ${error.message}`);
      },
    });
  }

  start(): void {
    const { store, targets } = this.#o;
    if (targets.length === 0) return;
    this.#unwatch = store.onChange(() => this.#loop.wake());
    this.#loop.wake();
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    await this.#loop.close();
  }

  async #check(): Promise<number> {
    const { store, clock, lease, targets, tellSuccess } = this.#o;
    if (!lease.held) {
      this.#since.clear();
      return LOOK_MS;
    }
    const { waiting, missing } = await missingHosts(store.read, targets);
    const wanted = new Map(missing.map((one) => [one.row.id, one]));
    const changed = waiting.filter((row) => (wanted.get(row.id)?.hosts.join(", ") ?? null) !== row.waits_for);
    const waits = missing.filter(({ hosts }) => hosts.length > 0);
    const open = await store.read
      .selectFrom("alert_conditions")
      .select("subject")
      .where("kind", "=", KIND)
      .execute();
    const now = clock.monotonic();
    this.#since = new Map(
      waits.map(({ row }) => [subjectOf(row), this.#since.get(subjectOf(row)) ?? now] as const),
    );
    const waitedMs = (row: PlacedRow) => now - (this.#since.get(subjectOf(row)) ?? now);
    const began = waits.filter(
      ({ row }) => waitedMs(row) >= RESTART_MS && !open.some(({ subject }) => subject === subjectOf(row)),
    );
    const ended = open.filter(({ subject }) => !waits.some(({ row }) => subjectOf(row) === subject));
    if (changed.length + began.length + ended.length === 0) return LOOK_MS;
    await lease.write(async (trx) => {
      for (const row of changed) {
        const hosts = wanted.get(row.id)?.hosts;
        if (hosts?.length === 0) await endWithout(trx, store, row, { tellSuccess });
        else await noteHosts(trx, store, row, hosts ?? null);
      }
      for (const one of began) {
        const since = (await store.now(trx)) - waitedMs(one.row);
        await openCondition(trx, store, { ...alertOf(one), since });
      }
      for (const { subject } of ended)
        await closeCondition(trx, store, { kind: KIND, subject, facts: { deploymentId: null, hosts: [] } });
    });
    return LOOK_MS;
  }
}

function subjectOf({ target, repository_key }: PlacedRow): string {
  return `${target} of ${repository_key}`;
}

function alertOf({ row, hosts }: MissingHosts) {
  return { kind: KIND, subject: subjectOf(row), facts: { deploymentId: row.id, hosts } };
}

/** Says on a deployment which hosts it waits for; null: for none any more. */
async function noteHosts(
  trx: Writer,
  store: StoreContext,
  { id, status, token, order_note, ref_note }: PlacedRow,
  hosts: readonly string[] | null,
): Promise<void> {
  const reason = hosts
    ? `waits for ${hosts.length === 1 ? `the host ${hosts[0]}` : `one of the hosts ${hosts.join(", ")}`}, which ${hosts.length === 1 ? "is" : "are"} down`
    : (order_note ?? ref_note);
  await trx
    .updateTable("deployments")
    .set({ waits_for: hosts?.join(", ") ?? null, reason })
    .where("id", "=", id)
    .where("status", "=", status)
    .where("holder", "is", null)
    .where("token", "=", token)
    .execute();
  await store.notify(trx);
}

/** Ends a deployment whose remaining hosts are all down, and are passed over. */
async function endWithout(
  trx: Writer,
  store: StoreContext,
  row: PlacedRow,
  told: { tellSuccess: boolean },
): Promise<void> {
  const reason = describePassedOver(pendingHosts(row));
  const ended = await trx
    .updateTable("deployments")
    .set({ status: "succeeded", finished_at: await store.now(trx), lock: null, waits_for: null, reason })
    .where("id", "=", row.id)
    .where("status", "=", "running")
    .where("holder", "is", null)
    .where("token", "=", row.token)
    .returning(["id", "repository_key", "target", "attempt"])
    .executeTakeFirst();
  if (!ended) return;
  await announce(trx, store, [{ id: row.id, status: "succeeded", detail: reason }]);
  await noteOutcome(trx, store, { ...ended, reason }, "succeeded", told);
}
