import { closeSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";
import type { Clock } from "../clock.ts";
import type { Store } from "../store/store.ts";

/** How soon a line that the command writes is in the store. */
const FLUSH_MS = 200;
/** What is kept of a command's output: its beginning, and its end. */
const HEAD_BYTES = 1024 * 1024;
const TAIL_BYTES = 128 * 1024;
/** Beyond this the file in which the output is gathered is emptied, once it has been read. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const READ_BYTES = 256 * 1024;

/**
 * Carries a command's output from the file it writes to into the store, in order and with times.
 *
 * The command writes to a file, and not to a pipe, for three reasons: standard output and standard error share
 * one position and so keep their order; `/dev/stderr` can be opened (it cannot when it is a socket, which is
 * what Node calls a pipe); and a daemon that outlives the runner is not ended by SIGPIPE.
 */
export class OutputLog {
  #store: Store;
  #clock: Clock;
  #deployment: { id: string; attempt: number };
  #file: number;
  #offset = 0;
  #seq = 0;
  #stored = 0;
  #tail = Buffer.alloc(0);
  #dropped = 0;
  #decoder = new TextDecoder();
  #waiting: { at: number; text: string }[] = [];
  #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  /** `file` is opened for reading and writing, and must exist. */
  constructor(options: {
    store: Store;
    clock: Clock;
    deployment: { id: string; attempt: number };
    file: string;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#deployment = options.deployment;
    this.#file = openSync(options.file, "r+");
    this.#timer = setInterval(() => {
      this.#read();
      this.#writing = this.#writing.then(() => this.#flush()).catch(() => {});
    }, FLUSH_MS);
  }

  /** Adds a line of the runner's own, after what the command has written so far. */
  note(text: string): void {
    this.#read();
    this.#waiting.push({ at: this.#clock.now(), text: `[twinhook] ${text}\n` });
  }

  /** Reads what is left and stores it; output written later, by what the command left behind, is not kept. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#read();
    const rest = this.#decoder.decode();
    const at = this.#clock.now();
    if (this.#dropped > 0)
      this.#waiting.push({ at, text: `\n[twinhook] ${this.#dropped} bytes of output are left out here\n` });
    if (this.#tail.length > 0) this.#waiting.push({ at, text: new TextDecoder().decode(this.#tail) });
    if (rest) this.#waiting.push({ at, text: rest });
    closeSync(this.#file);
    await this.#writing;
    await this.#flush();
  }

  #read(): void {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const length = readSync(this.#file, buffer, 0, READ_BYTES, this.#offset);
      if (length === 0) break;
      this.#offset += length;
      this.#keep(buffer.subarray(0, length));
    }
    if (this.#offset > MAX_FILE_BYTES && fstatSync(this.#file).size <= this.#offset) {
      // The command appends, so it goes on writing at the new end.
      ftruncateSync(this.#file, 0);
      this.#offset = 0;
    }
  }

  #keep(bytes: Buffer): void {
    const head = bytes.subarray(0, Math.max(0, HEAD_BYTES - this.#stored));
    this.#stored += head.length;
    if (head.length > 0)
      this.#waiting.push({ at: this.#clock.now(), text: this.#decoder.decode(head, { stream: true }) });
    const all = Buffer.concat([this.#tail, bytes.subarray(head.length)]);
    this.#tail = all.subarray(Math.max(0, all.length - TAIL_BYTES));
    this.#dropped += all.length - this.#tail.length;
  }

  async #flush(): Promise<void> {
    const chunks = this.#waiting;
    if (chunks.length === 0) return;
    this.#waiting = [];
    const rows = chunks.map(({ at, text }) => ({
      deployment_id: this.#deployment.id,
      attempt: this.#deployment.attempt,
      seq: this.#seq++,
      at,
      // PostgreSQL stores no NUL in text.
      text: text.replaceAll("\0", "\uFFFD"),
    }));
    try {
      await this.#store.write(async (trx) => {
        await trx.insertInto("log_chunks").values(rows).execute();
        await this.#store.notify(trx);
      });
    } catch (error) {
      // Kept for the next time; the numbers are given anew.
      this.#seq -= rows.length;
      this.#waiting = [...chunks, ...this.#waiting];
      throw error;
    }
  }
}
