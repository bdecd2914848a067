import type { IncomingMessage, Server } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { type WebSocket, WebSocketServer } from "ws";
import { type BearerCredentials, viewerByToken } from "../../auth/authenticate.ts";
import { Refusal } from "../../auth/refusal.ts";
import type { SignIn } from "../../auth/sign-in.ts";
import type { Viewer } from "../../auth/viewer.ts";
import { requireReader } from "../../auth/viewer-of.ts";
import type { EventBus } from "../../failover/event-bus.ts";
import { PEER_PATH } from "../../failover/peer-links.ts";
import { asProblem } from "../../http/as-problem.ts";
import { HttpProblem } from "../../http/problem.ts";
import { VERSION } from "../../version.ts";
import type { PageOptions } from "../page-options.ts";
import { Changes } from "./changes.ts";
import { LiveWindow } from "./live-window.ts";

export const LIVE_PATH = "/live";

/** The pause between two reads of the store. People notice no delay, and the store has other work. */
const PAUSE_MS = 250;
/** The longest time between two reads: not every engine announces every commit. */
const TICK_MS = 1_000;
/** How often the viewers' rights are read again. */
const RIGHTS_MS = 30_000;
const MAX_MESSAGE_BYTES = 8 * 1024;
const MAX_SOCKETS = 500;
/** Sent when the viewer has no access any more; the page then asks to sign in. */
export const SIGNED_OUT = 4401;
const GOING_AWAY = 1001;

export interface LiveSocketsOptions {
  pages: PageOptions;
  pageUrl: (id: string) => string;
  signIn: SignIn;
  credentials: BearerCredentials;
  bus: EventBus;
  log: Logger;
}

/**
 * `GET /live`: sends every change of state as it happens, and keeps open pages up to date. It reads the store
 * after each change, and only while someone watches.
 */
export class LiveSockets {
  #o: LiveSocketsOptions;
  #server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  #windows = new Set<LiveWindow>();
  #changes: Changes;
  #unwatch: (() => void)[] = [];
  #tick: NodeJS.Timeout | undefined;
  #rights: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Resolves when the state at the start of watching is known. */
  #begun: Promise<void> = Promise.resolve();
  #looking = false;
  #again = false;
  #lookedAt = 0;

  constructor(options: LiveSocketsOptions) {
    this.#o = options;
    const { store, config } = options.pages;
    this.#changes = new Changes({ store, config, pageUrl: options.pageUrl });
  }

  /** Handles the sockets of this server. */
  attach(server: Server): void {
    server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      const path = request.url?.split("?", 1)[0];
      if (path === LIVE_PATH) void this.#open(request, socket, head);
      else if (path !== PEER_PATH || server.listenerCount("upgrade") === 1) socket.destroy();
    });
  }

  /** Disconnects everyone: their pages reconnect to another instance. */
  close(): void {
    this.#stopLooking();
    for (const { socket } of this.#windows) socket.close(GOING_AWAY);
    this.#server.close();
    setTimeout(() => {
      for (const client of this.#server.clients) client.terminate();
    }, 500).unref();
  }

  async #open(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on("error", () => {});
    let viewer: Viewer;
    try {
      if (this.#windows.size >= MAX_SOCKETS) throw new HttpProblem(503, "too many pages are open");
      viewer = await this.#viewerOf(request);
    } catch (error) {
      return refuse(socket, asProblem(error));
    }
    this.#server.handleUpgrade(request, socket, head, (client) => this.#welcome(client, request, viewer));
  }

  /**
   * The viewer of a socket: by the admin token or a named one, or by a session on a page of this App. The page's origin
   * matters, since browsers send cookies from any page.
   */
  async #viewerOf({ headers }: IncomingMessage): Promise<Viewer> {
    if (headers.authorization !== undefined) {
      const viewer = await viewerByToken({ authorization: headers.authorization }, this.#o.credentials);
      requireReader(viewer);
      return viewer;
    }
    this.#o.signIn.checkOrigin(headers);
    const visit = await this.#o.signIn.visit(headers);
    if (!visit) throw new Refusal("unauthenticated", "nobody is signed in (any more): sign in at /sign-in");
    return visit.viewer;
  }

  #welcome(client: WebSocket, request: IncomingMessage, viewer: Viewer): void {
    const { pages } = this.#o;
    const window = new LiveWindow({ socket: client, request, viewer, pages, onShow: () => this.#soon() });
    this.#windows.add(window);
    client.on("error", () => {});
    client.on("close", () => {
      this.#windows.delete(window);
      if (this.#windows.size === 0) this.#stopLooking();
    });
    if (this.#windows.size === 1) this.#startLooking();
    // A viewer misses no change after the greeting.
    void this.#begun.then(() => {
      window.say("hello", { instance: pages.self.name, version: VERSION });
      this.#soon();
    });
  }

  #startLooking(): void {
    const { pages, bus } = this.#o;
    // A failed read is reported as trouble by the next read.
    this.#begun = this.#changes.begin().catch(() => {});
    this.#unwatch = [pages.store.onChange(() => this.#soon()), bus.subscribe(() => this.#soon())];
    this.#tick = setInterval(() => this.#soon(), TICK_MS);
    this.#rights = setInterval(() => void this.#checkRights(), RIGHTS_MS);
  }

  #stopLooking(): void {
    for (const stop of this.#unwatch.splice(0)) stop();
    clearInterval(this.#tick);
    clearInterval(this.#rights);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #soon(): void {
    if (this.#looking) this.#again = true;
    else if (this.#windows.size > 0)
      this.#timer ??= setTimeout(
        () => void this.#check(),
        Math.max(0, this.#lookedAt + PAUSE_MS - performance.now()),
      );
  }

  async #check(): Promise<void> {
    this.#looking = true;
    this.#lookedAt = performance.now();
    try {
      await this.#begun;
      const changes = await this.#changes.check();
      const { PageCache } = await import("./page-cache.ts");
      const cache = new PageCache(this.#o.pages);
      for (const window of this.#windows) {
        for (const change of changes) window.tell(change);
        await window.refresh(cache);
      }
    } catch (error) {
      // The next read tries again; until then the pages say that they are old.
      const { message, status } = asProblem(error);
      if (status === 500) this.#o.log.error({ err: error }, "reading changes for the open pages failed");
      for (const window of this.#windows) window.say("trouble", { detail: message });
    } finally {
      this.#looking = false;
      this.#timer = undefined;
      if (this.#again) {
        this.#again = false;
        this.#soon();
      }
    }
  }

  async #checkRights(): Promise<void> {
    for (const window of this.#windows) {
      try {
        window.viewer = await this.#viewerOf(window.request);
      } catch (error) {
        // A viewer stays connected while GitHub is unreachable.
        if (asProblem(error).status !== 503) window.socket.close(SIGNED_OUT, "signed out");
      }
    }
  }
}

function refuse(socket: Duplex, problem: HttpProblem): void {
  const body = JSON.stringify(problem);
  // Node closes no socket after an upgrade request, so this code must close it.
  socket.once("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? "Error"}\r\n` +
      `content-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
