import type { IncomingMessage } from "node:http";
import { HttpProblem } from "./problem.ts";

/**
 * What all bodies together may hold that nobody has proven to have sent. It is more than twice the largest event of
 * GitHub's, so that one that arrives always has room.
 */
const TOTAL_BYTES = 64 * 1024 * 1024;
/** GitHub gives up after 10 s: a body that takes longer is of no use to anyone. */
const LIMIT_MS = 10_000;
/** Room for a body that comes in pieces. Pieces as such could cost a hundred times what is in them. */
const FIRST_ROOM_BYTES = 64 * 1024;
/** Seconds after which a body that found no room may be sent again. */
const RETRY_AFTER_S = "5";

/** A body in memory. `release` says that whoever sent it is proven, or refused. */
export interface HeldBody {
  bytes: Buffer;
  release(): void;
}

/** A body that is being read. */
interface Reading {
  cut(problem: HttpProblem): void;
}

/**
 * Reads the bodies of requests before anything is known of who sent them, and bounds what they hold together. Where
 * there is no room, the body is cut off that has been silent for the longest: those that are sent and never finished
 * make room for those that arrive in one go, as GitHub's do.
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

  /** What all bodies hold now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Reads a request's whole body.
   * @throws {HttpProblem} 413 as soon as it is known to be larger than `maxBytes`, 408 when it takes too long, 400 when
   * it was cut off, 503 when others needed its room.
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
          // The only piece of most bodies is kept as it is.
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

  /** Cuts others off until so many bytes more have room; false where they would not have even so. */
  #makeRoom(bytes: number, by: Reading): boolean {
    for (const reading of this.#readings) {
      if (this.#heldBytes + bytes <= this.#totalBytes) break;
      if (reading !== by) reading.cut(noRoom(this.#totalBytes));
    }
    return this.#heldBytes + bytes <= this.#totalBytes;
  }
}

/** Twice what is needed, so that a large body is copied few times; never more than it may have. */
function grown(needed: number, announced: number, maxBytes: number): number {
  const most = Number.isNaN(announced) ? maxBytes : announced;
  return Math.max(needed, Math.min(most, Math.max(FIRST_ROOM_BYTES, 2 * needed)));
}

// Whoever is refused before the body ended is not read on.
const CLOSE = { connection: "close" };

function tooLarge(maxBytes: number): HttpProblem {
  return new HttpProblem(
    413,
    `the body is larger than ${maxBytes} bytes, which is more than is ever sent here`,
    CLOSE,
  );
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
