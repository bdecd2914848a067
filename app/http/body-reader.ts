import type { IncomingMessage } from "node:http";
import { HttpProblem } from "./problem.ts";

/**
 * The limit for all unproven bodies together. It is more than twice GitHub's largest event, so one that
 * arrives always fits.
 */
const TOTAL_BYTES = 64 * 1024 * 1024;
/** GitHub gives up after 10 s, so a slower body helps nobody. */
const LIMIT_MS = 10_000;
/** The first buffer of a body in pieces. A list of small pieces could cost a hundred times their content. */
const FIRST_ROOM_BYTES = 64 * 1024;
/** Seconds after which a client may resend a body that found no room. */
const RETRY_AFTER_S = "5";

/** A body in memory. Call `release` when its sender is proven or refused. */
export interface HeldBody {
  bytes: Buffer;
  release(): void;
}

/** A body that is being read. */
interface Reading {
  cut(problem: HttpProblem): void;
}

/**
 * Reads bodies before their senders are proven, and limits their total memory. When memory is full, the body
 * that has been silent longest is cut off. So unfinished bodies make room for bodies that arrive at once, as
 * GitHub's do.
 */
export class BodyReader {
  #totalBytes: number;
  #limitMs: number;
  #heldBytes = 0;
  /** In the order of their last piece. */
  #readings = new Set<Reading>();

  constructor({ totalBytes = TOTAL_BYTES, limitMs = LIMIT_MS } = {}) {
    this.#totalBytes = totalBytes;
    this.#limitMs = limitMs;
  }

  /** The bytes that all bodies hold now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Reads a request's whole body.
   * @throws {HttpProblem} 413 as soon as the body is known to exceed `maxBytes`; 408 when it takes too long;
   * 400 when the connection ends early; 503 when other bodies needed its room.
   */
  read(request: IncomingMessage, maxBytes: number): Promise<HeldBody> {
    const announced = Number(request.headers["content-length"] ?? Number.NaN);
    if (announced > maxBytes) return Promise.reject(tooLarge(maxBytes));
    return new Promise((resolve, reject) => {
      let room: Buffer = Buffer.alloc(0);
      let length = 0;
      let released = false;
      const hold = (bytes: number) => {
        this.#heldBytes += bytes;
      };
      const release = () => {
        if (released) return;
        released = true;
        hold(-room.length);
      };
      const finish = () => {
        clearTimeout(limit);
        this.#readings.delete(reading);
        request.off("data", onData);
      };
      const reading: Reading = {
        cut: (problem) => {
          finish();
          release();
          request.pause();
          room = Buffer.alloc(0);
          reject(problem);
        },
      };
      const onData = (piece: Buffer) => {
        this.#readings.delete(reading);
        this.#readings.add(reading);
        const needed = length + piece.length;
        if (needed > maxBytes) return reading.cut(tooLarge(maxBytes));
        if (needed > room.length) {
          // Most bodies come in one piece, which is kept without a copy.
          const size = length === 0 && announced === needed ? needed : grown(needed, announced, maxBytes);
          if (!this.#makeRoom(size - room.length, reading)) return reading.cut(noRoom(this.#totalBytes));
          const larger = size === needed && length === 0 ? piece : Buffer.allocUnsafe(size);
          room.copy(larger, 0, 0, length);
          hold(size - room.length);
          room = larger;
        }
        if (room !== piece) piece.copy(room, length);
        length = needed;
      };
      const cutOff = () =>
        reading.cut(new HttpProblem(400, "the connection ended before the body did; send it again"));
      const limit = setTimeout(() => reading.cut(tooSlow(this.#limitMs)), this.#limitMs);
      this.#readings.add(reading);
      request.on("data", onData);
      request.on("end", () => {
        finish();
        resolve({ bytes: room.subarray(0, length), release });
      });
      request.on("aborted", cutOff);
      request.on("error", cutOff);
    });
  }

  /** Cuts other bodies off until `bytes` more fit. Returns false when they cannot fit. */
  #makeRoom(bytes: number, by: Reading): boolean {
    for (const reading of this.#readings) {
      if (this.#heldBytes + bytes <= this.#totalBytes) break;
      if (reading !== by) reading.cut(noRoom(this.#totalBytes));
    }
    return this.#heldBytes + bytes <= this.#totalBytes;
  }
}

/** Twice the needed size, so that a large body is copied only a few times; never more than its limit. */
function grown(needed: number, announced: number, maxBytes: number): number {
  const most = Number.isNaN(announced) ? maxBytes : announced;
  return Math.max(needed, Math.min(most, Math.max(FIRST_ROOM_BYTES, 2 * needed)));
}

// The rest of a refused body is not read.
const CLOSE = { connection: "close" };

function tooLarge(maxBytes: number): HttpProblem {
  return new HttpProblem(413, `the body is larger than ${maxBytes} bytes, the limit here; send less`, CLOSE);
}

function tooSlow(limitMs: number): HttpProblem {
  return new HttpProblem(408, `the body was not sent within ${limitMs / 1_000} s; send it again`, CLOSE);
}

function noRoom(totalBytes: number): HttpProblem {
  return new HttpProblem(
    503,
    `more than ${totalBytes} bytes are being sent here at the same time; send it again later`,
    { ...CLOSE, "retry-after": RETRY_AFTER_S },
  );
}
