import { spawn } from "node:child_process";
import { readSync } from "node:fs";
import { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { inSlices } from "../store/in-slices.ts";
import { storableText } from "../store/storable-text.ts";
import type { Store } from "../store/store.ts";

/** How soon a line that the command writes is in the store. */
const FLUSH_MS = 200;
/** What is kept of a command's output: its beginning, and its end. */
const HEAD_BYTES = 1024 * 1024;
const TAIL_BYTES = 128 * 1024;
const READ_BYTES = 64 * 1024;
/** How many bytes of a character, in UTF-8, can follow its first. */
const CHARACTER_REST = 3;

/** Carries a command's output into the store, in order and with times. */
export class OutputLog {
  #store: Store;
  #clock: Clock;
  #deployment: { id: string; attempt: number };
  #output: number;
  #socket: Socket;
  #ended = false;
  #seq = 0;
  #kept = 0;
  #tail = Buffer.alloc(0);
  #dropped = 0;
  #decoder = new TextDecoder();
  #waiting: { at: number; text: string }[] = [];
  #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();

  /** `output` is the pipe's end to read the command's output from. */
  constructor(options: {
    store: Store;
    clock: Clock;
    deployment: { id: string; attempt: number };
    output: number;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#deployment = options.deployment;
    this.#output = options.output;
    this.#socket = new Socket({ fd: this.#output, readable: true, writable: false });
    this.#socket.on("data", (bytes: Buffer) => this.#keep(bytes));
    this.#socket.on("end", () => {
      this.#ended = true;
    });
    this.#socket.on("error", () => {});
    this.#timer = setInterval(() => {
      this.#writing = this.#writing.then(() => this.#flush()).catch(() => {});
    }, FLUSH_MS);
  }

  /** Adds a line of the runner's own. */
  note(text: string): void {
    this.#waiting.push({ at: this.#clock.now(), text: `[twinhook] ${text}\n` });
  }

  /** Takes in what the command wrote before it ended. What it left behind may go on writing, unheard. */
  async settle(): Promise<void> {
    clearInterval(this.#timer);
    this.#socket.pause();
    const open = !this.#ended && this.#readRest();
    if (open) drain(this.#output);
    this.#socket.destroy();
    const at = this.#clock.now();
    const rest = this.#decoder.decode();
    if (rest) this.#waiting.push({ at, text: rest });
    if (this.#dropped > 0)
      this.#waiting.push({ at, text: `\n[twinhook] ${this.#dropped} bytes of output are left out here\n` });
    if (this.#tail.length > 0) this.#waiting.push({ at, text: new TextDecoder().decode(this.#tail) });
    await this.#writing;
  }

  /**
   * Stores what is not stored yet.
   * @throws {StoreUnavailableError} when it cannot; it is kept for the next call.
   */
  async store(): Promise<void> {
    await this.#flush();
  }

  /** Reads until the pipe is empty; returns whether somebody may still write to it. */
  #readRest(): boolean {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      try {
        const length = readSync(this.#output, buffer, 0, READ_BYTES, null);
        if (length === 0) return false;
        this.#keep(Buffer.from(buffer.subarray(0, length)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return true;
        return false;
      }
    }
  }

  #keep(bytes: Buffer): void {
    // The beginning takes its last character whole; once the end has begun, it takes nothing.
    const free = HEAD_BYTES - this.#kept;
    const full = this.#tail.length > 0 || free <= -CHARACTER_REST;
    const head = bytes.subarray(0, full ? 0 : characterStart(bytes, Math.max(0, free)));
    this.#kept += head.length;
    if (head.length > 0)
      this.#waiting.push({ at: this.#clock.now(), text: this.#decoder.decode(head, { stream: true }) });
    const all = Buffer.concat([this.#tail, bytes.subarray(head.length)]);
    const dropped = all.length > TAIL_BYTES ? characterStart(all, all.length - TAIL_BYTES) : 0;
    this.#dropped += dropped;
    this.#tail = all.subarray(dropped);
  }

  async #flush(): Promise<void> {
    const chunks = this.#waiting;
    if (chunks.length === 0) return;
    this.#waiting = [];
    const rows = chunks.map(({ at, text }, index) => ({
      deployment_id: this.#deployment.id,
      attempt: this.#deployment.attempt,
      seq: this.#seq + index,
      at,
      text: storableText(text),
    }));
    try {
      await this.#store.write(async (trx) => {
        // A commit may have reached the disk although its answer was lost.
        await inSlices(rows, (slice) =>
          trx
            .insertInto("log_chunks")
            .values(slice)
            .onConflict((c) => c.doNothing())
            .execute(),
        );
        await this.#store.notify(trx);
      });
      this.#seq += rows.length;
    } catch (error) {
      this.#waiting = [...chunks, ...this.#waiting];
      throw error;
    }
  }
}

/** Where the first character begins that does not begin before `from`. Other bytes than UTF-8 have no such place. */
function characterStart(bytes: Uint8Array, from: number): number {
  let start = from;
  while (start < from + CHARACTER_REST && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return start;
}

/**
 * Reads the pipe empty for as long as anybody has it open for writing, so that a daemon that a deploy script
 * left behind, without redirecting its output, is not ended by SIGPIPE or stuck.
 */
function drain(pipe: number): void {
  spawn("cat", [], {
    stdio: [pipe, "ignore", "ignore"],
    detached: true,
    env: { PATH: process.env.PATH },
  }).unref();
}
