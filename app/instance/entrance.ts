import type { RequestListener, Server, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";
import { listen, stopListening } from "../http/listen.ts";
import { createWebServer } from "../http/server.ts";

/** How long open requests may take to finish during a stop. */
const DRAIN_MS = 1_000;

/**
 * The ports of an instance. A reload puts another handler in the place of the first while they stay open, so that
 * nobody is refused.
 */
export class Entrance {
  readonly #server: Server;
  readonly #door: Server;
  #handle: RequestListener;
  /** The requests that each handler has not answered yet. */
  readonly #open = new Map<RequestListener, Set<ServerResponse>>();

  constructor(handle: RequestListener, options: { tls: InstanceConfig["tls"]; log: Logger }) {
    this.#handle = handle;
    const answer: RequestListener = (request, response) => {
      const current = this.#handle;
      const open = this.#openOf(current);
      open.add(response);
      response.once("close", () => open.delete(response));
      current(request, response);
    };
    this.#server = createWebServer(answer, options);
    this.#door = createWebServer(answer, options);
  }

  /** The server of the instance's own address, and that of the door. */
  get servers(): { server: Server; door: Server } {
    return { server: this.#server, door: this.#door };
  }

  /** Listens at the instance's own address, and returns the real one. */
  listen(address: string): Promise<{ host: string; port: number }> {
    return listen(this.#server, address);
  }

  async openDoor(door: NonNullable<Config["door"]>): Promise<void> {
    await listen(this.#door, door.listen, { shared: true });
  }

  /** From now on this handler answers. It also gets upgrades to WebSockets, once it asks for them. */
  use(handle: RequestListener): void {
    this.#handle = handle;
    for (const server of [this.#server, this.#door]) server.removeAllListeners("upgrade");
  }

  /** Resolves when nothing waits for an answer of this handler. What takes longer than `limitMs` is cut off. */
  async idle(handle: RequestListener, limitMs: number): Promise<void> {
    const open = this.#openOf(handle);
    const cut = setTimeout(() => {
      for (const response of open) response.destroy();
    }, limitMs);
    await Promise.all([...open].map((response) => new Promise((resolve) => response.once("close", resolve))));
    clearTimeout(cut);
    this.#open.delete(handle);
  }

  closeDoor(): Promise<void> {
    return stopListening(this.#door);
  }

  /** Accepts nothing more. Resolves when the open requests have ended. */
  close(): Promise<void> {
    const closed = stopListening(this.#server);
    this.#server.closeIdleConnections();
    return closed;
  }

  /** Long polls would hold connections for up to 25 s; their clients ask the other instance. */
  cutSoon(): void {
    setTimeout(() => {
      for (const server of [this.#server, this.#door]) server.closeAllConnections();
    }, DRAIN_MS).unref();
  }

  #openOf(handle: RequestListener): Set<ServerResponse> {
    const known = this.#open.get(handle) ?? new Set();
    this.#open.set(handle, known);
    return known;
  }
}
