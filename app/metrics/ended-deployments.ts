import { inSlices } from "../store/in-slices.ts";
import type { Store } from "../store/store.ts";

/** So many ended deployments are looked at again, since a retry may end them anew between two reads. */
const REMEMBERED = 100;

/** A deployment whose command has ended. */
export interface EndedDeployment {
  repository: string;
  target: string;
  status: string;
  /** How long its command ran. */
  ranMs: number;
  /** How long its site was asked; null where it was not. */
  verifiedMs: number | null;
}

/**
 * Tells of each deployment whose command has ended since the first read. It reads the store, since the instance that
 * began a deployment may be gone by its end. All instances tell the same.
 */
export class EndedDeployments {
  #store: Store;
  #onEnded: (ended: EndedDeployment) => void;
  /** The newest deployment of the last read; undefined before the first. */
  #newest: number | undefined;
  /** The deployments that had not ended at the last read. */
  #open: ReadonlySet<number> = new Set();
  /** When those ended that are known to have ended last. */
  #ended = new Map<number, number>();
  #reading: Promise<void> | undefined;

  constructor(store: Store, onEnded: (ended: EndedDeployment) => void) {
    this.#store = store;
    this.#onEnded = onEnded;
  }

  /** Reads what has ended since the last read. Calls that come together share one read. */
  read(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    // First: what ends before the second read is still open here, and is told of the next time.
    const open = await this.#store.read
      .selectFrom("deployments")
      .select("seq")
      .where((e) => e.or([e("status", "=", "queued"), e("status", "=", "running")]))
      .execute();
    const isOpen = new Set(open.map(({ seq }) => seq));
    const last = this.#newest;
    const rows = last === undefined ? await this.#newestRows() : await this.#rowsSince(last, isOpen);
    for (const { seq, started_at, finished_at, verify_started_at, ...rest } of rows) {
      if (isOpen.has(seq) || finished_at === null || this.#ended.get(seq) === finished_at) continue;
      this.#ended.delete(seq);
      this.#ended.set(seq, finished_at);
      if (last === undefined || started_at === null || rest.status === "superseded") continue;
      this.#onEnded({
        ...rest,
        ranMs: Math.max(0, (verify_started_at ?? finished_at) - started_at),
        verifiedMs: verify_started_at === null ? null : Math.max(0, finished_at - verify_started_at),
      });
    }
    for (const seq of [...this.#ended.keys()].slice(0, -REMEMBERED)) this.#ended.delete(seq);
    this.#newest = rows.reduce((newest, { seq }) => Math.max(newest, seq), last ?? 0);
    this.#open = isOpen;
  }

  async #newestRows() {
    const rows = await this.#rows().orderBy("seq", "desc").limit(REMEMBERED).execute();
    return rows.toReversed();
  }

  async #rowsSince(last: number, isOpen: ReadonlySet<number>) {
    const rows = await this.#rows().where("seq", ">", last).execute();
    const known = [...this.#open, ...this.#ended.keys()].filter((seq) => !isOpen.has(seq));
    await inSlices(known, async (slice) =>
      rows.push(...(await this.#rows().where("seq", "in", slice).execute())),
    );
    return rows;
  }

  #rows() {
    return this.#store.read
      .selectFrom("deployments")
      .select(["seq", "repository", "target", "status", "started_at", "finished_at", "verify_started_at"]);
  }
}
