import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import { type OutboxItem, type OutboxTable, releaseOutbox } from "../outbox/outbox-lease.ts";
import { type AfterFailure, OutboxLoop } from "../outbox/outbox-loop.ts";
import type { Store } from "../store/store.ts";
import { WakeLoop } from "../wake-loop.ts";
import type { Channel } from "./channels/channel.ts";
import { describeAlert } from "./describe.ts";
import { makeMessages, nextDigest } from "./digest.ts";
import { SendError } from "./send-error.ts";
import type { Wording } from "./words/writers.ts";

/** The outbox has a line for each channel: a channel that is down holds up no other. */
const ALERT_OUTBOX: OutboxTable = { name: "alert_outbox", line: "channel" };
/** The pause before the next step: after a change of the store, and without one. */
const LOOK_MS = 250;
const IDLE_LOOK_MS = 60_000;
/** The pause after a failure to read the store. */
const AGAIN_MS = 1_000;
/** The pause between two tries doubles from this, and up to this. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** Give up sending a message after 24 hours. */
const GIVE_UP_MS = 24 * 60 * 60_000;
/** Give up sending a message after its receiver has called it wrong this often: it must not hold up later ones. */
const UNACCEPTABLE_TRIES = 5;

export interface AlertSenderOptions {
  store: Store;
  clock: Clock;
  instance: string;
  /** Distinguishes this sender from every other. */
  holder: string;
  channels: readonly Channel[];
  wording: Wording;
  onSent: (channel: Channel) => void;
  onRetry: (channel: Channel) => void;
  log: Logger;
}

/**
 * Sends the alerts that are recorded in the store. Every instance has a sender. The outbox lease makes one of them send
 * each message, and another one if that one dies.
 */
export class AlertSender {
  #o: AlertSenderOptions;
  #loop: OutboxLoop<OutboxItem<number[]>>;
  #digests: WakeLoop;
  #unwatch: (() => void) | undefined;

  constructor(options: AlertSenderOptions) {
    this.#o = options;
    this.#loop = new OutboxLoop({
      ...options,
      table: ALERT_OUTBOX,
      send: (item) => this.#send(item),
      onFailure: (error, item) => this.#onFailure(error, item),
    });
    this.#digests = new WakeLoop({
      step: () => this.#step(),
      clock: options.clock,
      retryMs: AGAIN_MS,
      onTrouble: ({ message }) =>
        options.log.warn(`reading alerts failed, retry in ${AGAIN_MS / 1000} s: ${message}`),
    });
  }

  async start(): Promise<void> {
    const { store, instance, channels } = this.#o;
    await releaseOutbox(store, ALERT_OUTBOX, instance);
    this.#digests.wake();
    this.#loop.start({ watch: false });
    // Without channels, alerts only have to be cleared away at times.
    if (channels.length > 0) this.#unwatch = store.onChange(() => this.#digests.wakeIn(LOOK_MS));
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    await Promise.all([this.#digests.close(), this.#loop.close()]);
  }

  /** Makes the messages that are due. Returns how long until the next ones are. */
  async #step(): Promise<number | null> {
    const { store, channels } = this.#o;
    const at = await nextDigest(store);
    const now = at === null ? 0 : await store.now(store.read);
    const isDue = at !== null && at <= now;
    if (isDue) await makeMessages(store, channels);
    // Another instance may have made messages, or a removed channel may have left some.
    this.#loop.wake();
    if (at !== null && !isDue) return Math.min(at - now, IDLE_LOOK_MS);
    // Changes of the store wake only a sender with channels.
    return channels.length === 0 ? IDLE_LOOK_MS : null;
  }

  async #send({ id, line, body, createdAt }: OutboxItem<number[]>): Promise<void> {
    const { store, wording, onSent } = this.#o;
    const channel = this.#channel(line);
    if (!channel) throw new SendError("this instance's configuration has no such channel (any more)");
    const rows = await store.read
      .selectFrom("alerts")
      .selectAll()
      .where("id", "in", body)
      .orderBy("id")
      .execute();
    if (rows.length === 0) return;
    const noted = rows.map((row) => ({ ...row, id: `alert_${row.id}` }));
    const alerts = await Promise.all(noted.map((one) => describeAlert(one, wording)));
    await channel.send({ id: `msg_${createdAt.toString(36)}_${id}`, alerts });
    onSent(channel);
  }

  #onFailure(error: Error, { line, attempts, createdAt }: OutboxItem<number[]>): AfterFailure {
    const { log, clock, onRetry } = this.#o;
    const channel = this.#channel(line);
    const { retryAfterMs, unacceptable = false } = error instanceof SendError ? error : {};
    if (clock.now() - createdAt > GIVE_UP_MS || (unacceptable && attempts >= UNACCEPTABLE_TRIES)) {
      log.error({ channel: line, attempts }, `gave up sending an alert: ${error.message}`);
      return "drop";
    }
    if (!channel) return { delayMs: LONGEST_PAUSE_MS };
    onRetry(channel);
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempts - 1));
    const delayMs = Math.min(GIVE_UP_MS, retryAfterMs ?? pause * (0.5 + Math.random() / 2));
    log.warn(
      { channel: line, attempts },
      `sending an alert failed, retry in ${Math.ceil(delayMs / 1000)} s: ${error.message}`,
    );
    return { delayMs };
  }

  #channel(id: string): Channel | undefined {
    return this.#o.channels.find((channel) => channel.id === id);
  }
}
