import { randomUUID } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { type Clock, isoTime } from "../clock.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import type { Store } from "../store/store.ts";
import type { Channel } from "./channels/channel.ts";
import { describeAlert } from "./describe.ts";
import { SendError } from "./send-error.ts";
import type { Wording } from "./words/writers.ts";

const LOOK_MS = 1_000;
const PROBE_LIMIT_MS = 1_000;
/** How often to look for files that were put back. */
const COPIES_LOOK_MS = 5_000;
/** A shorter failure raises no alert: a busy disk, a database that restarts. */
const LASTING_MS = 3_000;
const LONGEST_PAUSE_MS = 60_000;
/** The longest pause that a receiver may ask for. */
const LONGEST_WAIT_MS = 60 * 60_000;

export interface StoreWatchOptions {
  store: Store;
  clock: Clock;
  instance: string;
  /** The instances before this one in order of preference. */
  preferred: readonly string[];
  /** The connected peers that say that they cannot write to the store. */
  failingPeers: () => readonly string[];
  channels: readonly Channel[];
  wording: Wording;
  /** The directory of the host's files. */
  stateDirectory: string;
  onSent: (channel: Channel) => void;
  log: Logger;
}

/** A failure of the store: since when (ms), and why. */
interface Failure {
  since: number;
  reason: string;
}

/**
 * Sends the alert that the store cannot be written to, without the store. No lease can choose the sender, since leases
 * are in the store. So the most preferred of the instances that are alive and cannot write sends it. Their heartbeats
 * say which cannot write. If that instance dies, the next one sends it again: twice is better than never.
 */
export class StoreWatch {
  #o: StoreWatchOptions;
  #abort = new AbortController();
  #failing: { since: number; sinceMonotonic: number; reason: string } | undefined;
  /** The alert that this instance sends, until its end is recorded in the store. `stop` ends the tries. */
  #told: (Failure & { stop: AbortController }) | undefined;
  /** A failure that this instance told before it died. Only its end is still to be told. */
  #owed: Failure | undefined;
  #sending = new Set<Promise<void>>();
  #copiesDueAt = 0;
  #watching: Promise<void> | undefined;

  constructor(options: StoreWatchOptions) {
    this.#o = options;
  }

  /** Whether this instance cannot write to the store; its heartbeats say so. */
  get fails(): boolean {
    return this.#failing !== undefined;
  }

  start(): void {
    this.#owed = this.#readNote();
    this.#watching = this.#watch();
  }

  async close(): Promise<void> {
    this.#abort.abort();
    this.#told?.stop.abort();
    await Promise.all([this.#watching, ...this.#sending]);
  }

  async #watch(): Promise<void> {
    const { clock } = this.#o;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      await this.#look();
      await clock.sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const { store, clock, preferred, failingPeers } = this.#o;
    try {
      await store.probe(PROBE_LIMIT_MS);
      this.#failing = undefined;
      const open = this.#told ?? this.#owed;
      if (open) await this.#over(open);
      if (store.can.copies && clock.monotonic() >= this.#copiesDueAt) {
        await this.#tellOfCopies();
        this.#copiesDueAt = clock.monotonic() + COPIES_LOOK_MS;
      }
    } catch (error) {
      const reason = (error as Error).message;
      // The failure may be a lost file that is put back by now.
      this.#copiesDueAt = 0;
      this.#failing ??= { since: clock.now(), sinceMonotonic: clock.monotonic(), reason };
      const { since, sinceMonotonic } = this.#failing;
      const lasts = clock.monotonic() - sinceMonotonic >= LASTING_MS;
      const others = failingPeers();
      if (this.#told || !lasts || preferred.some((name) => others.includes(name))) return;
      this.#tell({ since, reason });
    }
  }

  /** Records the alert of a file that was deleted and put back: the gap may have been too short for a failed write. */
  async #tellOfCopies(): Promise<void> {
    const { store, clock, instance, log } = this.#o;
    const copies = await store.read
      .selectFrom("store_copies")
      .select(["id", "made_at"])
      .where("replaced", "=", 0)
      .where("told_at", "is", null)
      .execute();
    for (const { id, made_at } of copies) {
      const first = await store.write(async (trx) => {
        const { numUpdatedRows } = await trx
          .updateTable("store_copies")
          .set({ told_at: clock.now() })
          .where("id", "=", id)
          .where("told_at", "is", null)
          .executeTakeFirst();
        if (numUpdatedRows === 0n) return false;
        const reason =
          "its file was deleted or replaced while it was in use, and was put back with all that it held";
        const alert = { kind: "store_not_writable", state: "event", subject: "", since: made_at } as const;
        await raiseAlert(trx, store, { ...alert, facts: { instance, reason } });
        return true;
      });
      if (first)
        log.error(
          { copy: id, at: isoTime(made_at) },
          "the store's file was deleted while it was in use, and was put back; find out what deleted it",
        );
    }
  }

  /** Outside the store, so that the end is told even if this process dies before. A disk that is full holds no note. */
  get #note(): string {
    return join(this.#o.stateDirectory, `store-alert-${this.#o.instance}.json`);
  }

  #readNote(): Failure | undefined {
    try {
      return JSON.parse(readFileSync(this.#note, "utf8")) as Failure;
    } catch {
      return undefined;
    }
  }

  #writeNote(failure: Failure): void {
    try {
      writeFileSync(this.#note, JSON.stringify(failure), { mode: 0o600 });
    } catch (error) {
      this.#o.log.debug({ err: error }, "cannot note that the store's failure was told");
    }
  }

  #tell({ since, reason }: Failure): void {
    const stop = new AbortController();
    this.#told = { since, reason, stop };
    const id = `alert_${randomUUID()}`;
    for (const channel of this.#o.channels.filter(({ kinds }) => kinds.includes("store_not_writable"))) {
      const sending = this.#send(channel, { id, since, reason }, stop.signal).finally(() =>
        this.#sending.delete(sending),
      );
      this.#sending.add(sending);
    }
  }

  async #send(
    channel: Channel,
    { id, since, reason }: Failure & { id: string },
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, instance, wording, onSent, log } = this.#o;
    const noted = {
      id,
      kind: "store_not_writable" as const,
      state: "firing" as const,
      subject: "",
      since,
      at: clock.now(),
      facts: JSON.stringify({ instance, reason }),
    };
    const alert = await describeAlert(noted, wording);
    for (let pause = 1_000; !signal.aborted; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      let wait = pause;
      try {
        await channel.send({ id: id.replace("alert", "msg"), alerts: [alert] });
        this.#writeNote({ since, reason });
        return onSent(channel);
      } catch (error) {
        if (error instanceof SendError) wait = Math.min(error.retryAfterMs ?? pause, LONGEST_WAIT_MS);
        log.warn(
          { channel: channel.id },
          `sending an alert failed, retry in ${Math.ceil(wait / 1000)} s: ${(error as Error).message}`,
        );
      }
      await clock.sleep(wait, signal).catch(() => {});
    }
  }

  /** The store can be written to again: the end of the alert is recorded and sent as usual. */
  async #over({ since, reason }: Failure): Promise<void> {
    const { store, instance } = this.#o;
    const facts = { instance, reason };
    await store.write((trx) =>
      raiseAlert(trx, store, { kind: "store_not_writable", state: "resolved", subject: "", since, facts }),
    );
    this.#told?.stop.abort();
    this.#told = undefined;
    this.#owed = undefined;
    try {
      rmSync(this.#note, { force: true });
    } catch (error) {
      this.#o.log.warn(
        { err: error },
        `cannot remove ${this.#note}: the next start tells the end of the store's failure once more`,
      );
    }
  }
}
