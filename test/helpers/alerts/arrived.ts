import { EventEmitter } from "node:events";
import { PATIENCE_MS } from "../patience.ts";

/** What arrived at a receiver, oldest first, and a way to wait for more. */
export class Arrived<T> {
  readonly all: T[] = [];
  #events = new EventEmitter().setMaxListeners(0);

  add(one: T): void {
    this.all.push(one);
    this.#events.emit("arrived");
  }

  /** Resolves with the first, past or future, that `wanted` accepts. */
  first(wanted: (one: T) => boolean, timeoutMs = PATIENCE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = this.all.find(wanted);
        if (found === undefined) return;
        clearTimeout(limit);
        this.#events.off("arrived", look);
        resolve(found);
      };
      const limit = setTimeout(() => {
        this.#events.off("arrived", look);
        reject(
          new Error(`nothing such arrived within ${timeoutMs} ms: ${JSON.stringify(this.all, null, 2)}`),
        );
      }, timeoutMs);
      this.#events.on("arrived", look);
      look();
    });
  }
}
