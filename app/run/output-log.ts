import { spawn } from "node:child_process";
import { readSync } from "node:fs";
import { Socket } from "node:net";
import type { Clock } from "../clock.ts";
import { inSlices } from "../store/in-slices.ts";
import { storableText } from "../store/storable-text.ts";
import type { Store } from "../store/store.ts";
import { Masker } from "./masker.ts";

/** How soon a line of the command's output is in the store. */
const FLUSH_MS = 200;
/** The kept parts of a command's output: the first and the last bytes. */
const HEAD_BYTES = 1024 * 1024;
const TAIL_BYTES = 128 * 1024;
const READ_BYTES = 64 * 1024;
/** How many bytes of a UTF-8 character can follow its first. */
const CHARACTER_REST = 3;

/** Writes a command's output into the store: masked, in order and with times. */
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
  #masker: Masker;
  #decoder = new TextDecoder();
  #waiting: { at: number; text: string }[] = [];
  #timer: NodeJS.Timeout;
  #writing: Promise<void> = Promise.resolve();
  #settled: Promise<void> | undefined;

  /** `output` is the reading end of the command's output pipe. `secrets` never reach the store. */
  constructor(options: {
    store: Store;
    clock: Clock;
    deployment: { id: string; attempt: number };
    output: number;
    secrets: readonly string[];
    /** The first number of its pieces: those of other hosts come before. */
    firstSeq?: number | undefined;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#deployment = options.deployment;
    this.#output = options.output;
    this.#seq = options.firstSeq ?? 0;
    this.#masker = new Masker(options.secrets);
    this.#socket = new Socket({ fd: this.#output, readable: true, writable: false });
    this.#socket.on("data", (bytes: Buffer) => this.#keep(this.#masker.push(bytes)));
    this.#socket.on("end", () => {
      this.#ended = true;
    });
    this.#socket.on("error", () => {});
    this.#timer = setInterval(() => void this.store().catch(() => {}), FLUSH_MS);
  }

  /** Adds a line of the runner itself. */
  note(text: string): void {
    this.#waiting.push({ at: this.#clock.now(), text: `[twinhook] ${text}\n` });
  }

  /**
   * Reads all output that the command wrote before it ended. Later output of processes that it left behind is
   * not kept.
   */
  settle(): Promise<void> {
    this.#settled ??= this.#settle();
    return this.#settled;
  }

  async #settle(): Promise<void> {
    clearInterval(this.#timer);
    this.#socket.pause();
    const open = !this.#ended && this.#readRest();
    if (open) drain(this.#output);
    this.#socket.destroy();
    this.#keep(this.#masker.end());
    const at = this.#clock.now();
    const rest = this.#decoder.decode();
    if (rest) this.#waiting.push({ at, text: rest });
    if (this.#dropped > 0)
      this.#waiting.push({ at, text: `\n[twinhook] ${this.#dropped} bytes of output are left out here\n` });
    if (this.#tail.length > 0) this.#waiting.push({ at, text: new TextDecoder().decode(this.#tail) });
    await this.#writing;
  }

  /**
   * Stores the lines that are not stored yet.
   * @throws {StoreUnavailableError} when it cannot; the lines are kept for the next call.
   */
  store(): Promise<void> {
    const stored = this.#writing.then(() => this.#flush());
    this.#writing = stored.catch(() => {});
    return stored;
  }

  /** Reads until the pipe is empty. Returns whether a process still has it open for writing. */
  #readRest(): boolean {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      try {
        const length = readSync(this.#output, buffer, 0, READ_BYTES, null);
        if (length === 0) return false;
        this.#keep(this.#masker.push(buffer.subarray(0, length)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EAGAIN") return true;
        return false;
      }
    }
  }

  #keep(bytes: Buffer): void {
    // The head takes its last character whole; once the tail has begun, the head takes nothing.
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
        // An earlier commit may have reached the disk although its answer was lost.
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

/**
 * The index of the first character that begins at or after `from`. Bytes that are not UTF-8 may have no such
 * index.
 */
function characterStart(bytes: Uint8Array, from: number): number {
  let start = from;
  while (start < from + CHARACTER_REST && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  return start;
}

/**
 * Reads the pipe for as long as a process has it open for writing. Without a reader, a daemon that a deploy
 * script left behind would block, or end by SIGPIPE.
 */
function drain(pipe: number): void {
  spawn("cat", [], {
    stdio: [pipe, "ignore", "ignore"],
    detached: true,
    env: { PATH: process.env.PATH },
  }).unref();
}
