import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { EndpointHealthRow } from "../store/schema.ts";
import type { Store, Writer } from "../store/store.ts";
import { type ControllerLease, NotControllerError } from "./controller-lease.ts";
import type { Health } from "./health-window.ts";

/** The time that one sample covers. */
export const SAMPLE_MS = 10_000;
/** A change is recorded after this time: a failover that it causes is more urgent. */
const COALESCE_MS = 100;
/** How long samples are kept. */
const KEPT_MS = 24 * 3_600_000;

/** The results of one endpoint's checks since the last sample. */
interface Sum {
  succeeded: number;
  failed: number;
  /** Sum over the checks that succeeded. */
  totalMs: number;
}

export interface HealthRecordOptions {
  store: Store;
  clock: Clock;
  lease: ControllerLease;
  observe: () => { name: string; health: Health }[];
  log: Logger;
}

/**
 * Records the endpoints' health for people to look at. Every instance checks every endpoint, and no two measure the
 * same. Only the controller's results are recorded, since it decides by them. So all instances show the same history,
 * also after a restart.
 */
export class HealthRecord {
  #o: HealthRecordOptions;
  #sums = new Map<string, Sum>();
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: HealthRecordOptions) {
    this.#o = options;
  }

  start(): void {
    this.#timer = setInterval(() => this.#write(true), SAMPLE_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    await this.#writing;
  }

  /** A check has ended, `ms` after it began. */
  checked(endpoint: string, ok: boolean, ms: number): void {
    const sum = this.#sums.get(endpoint) ?? { succeeded: 0, failed: 0, totalMs: 0 };
    this.#sums.set(endpoint, sum);
    if (!ok) sum.failed += 1;
    else {
      sum.succeeded += 1;
      sum.totalMs += ms;
    }
  }

  /** An endpoint's status has changed, or this instance has become the controller. */
  changed(): void {
    clearTimeout(this.#soon);
    this.#soon = setTimeout(() => this.#write(false), COALESCE_MS);
  }

  #write(withSamples: boolean): void {
    this.#writing = this.#writing
      .then(async () => {
        const sums = withSamples ? [...this.#sums] : [];
        if (withSamples) this.#sums.clear();
        if (!this.#o.lease.held) return;
        await this.#o.lease.write(async (trx) => {
          await this.#recordStatuses(trx);
          if (withSamples) await this.#recordSamples(trx, sums);
        });
      })
      .catch((error: Error) => {
        if (!(error instanceof NotControllerError))
          this.#o.log.debug(`the health of the endpoints was not recorded: ${error.message}`);
      });
  }

  async #recordStatuses(trx: Writer): Promise<void> {
    const { clock, observe } = this.#o;
    const known = await trx.selectFrom("endpoint_health").selectAll().execute();
    const rows: EndpointHealthRow[] = observe().map(({ name, health: { status, reason } }) => {
      const before = known.find(({ endpoint }) => endpoint === name);
      const since = before?.status === status ? before.since : clock.now();
      return { endpoint: name, status, reason, since };
    });
    await trx
      .insertInto("endpoint_health")
      .values(rows)
      .onConflict((c) =>
        c.column("endpoint").doUpdateSet(({ ref }) => ({
          status: ref("excluded.status"),
          reason: ref("excluded.reason"),
          since: ref("excluded.since"),
        })),
      )
      .execute();
  }

  async #recordSamples(trx: Writer, sums: [string, Sum][]): Promise<void> {
    const now = this.#o.clock.now();
    await trx
      .deleteFrom("health_samples")
      .where("at", "<", now - KEPT_MS)
      .execute();
    if (sums.length === 0) return;
    const rows = sums.map(([endpoint, { succeeded, failed, totalMs }]) => ({
      at: now,
      endpoint,
      average_ms: succeeded === 0 ? null : totalMs / succeeded,
      succeeded,
      failed,
    }));
    await trx.insertInto("health_samples").values(rows).execute();
  }
}
