import type { IncomingMessage } from "node:http";
import { WebSocket } from "ws";
import { z } from "zod";
import { maySee, type Viewer } from "../../auth/viewer.ts";
import { isoTime } from "../../clock.ts";
import { HttpProblem } from "../../http/problem.ts";
import { LogReader } from "../deployments/read-log.ts";
import type { PageOptions } from "../page-options.ts";
import type { Change } from "./changes.ts";
import type { PageCache } from "./page-cache.ts";

/** A client with a larger backlog is disconnected, and reconnects. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** The longest pause between two messages: silence means that the instance is gone. */
const BEAT_MS = 1_000;

/** A base for parsing paths and queries. */
const HERE = "http://page.invalid";

/** A page's report: its path and query, and how much of its log it has. */
const showing = z.object({
  show: z
    .string()
    .startsWith("/")
    .max(2_000)
    .refine((path) => URL.canParse(path, HERE)),
  log: z.object({ attempt: z.int().min(0), seq: z.int().min(-1) }).optional(),
});

/** One socket, with the page in its window; a program's socket has no page. */
export class LiveWindow {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  viewer: Viewer;
  #pages: PageOptions;
  #url: URL | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;
  #shown = new Map<string, string>();
  #log: LogReader | undefined;
  /** The page already has the log up to here. */
  #logShown: { attempt: number; seq: number } = { attempt: 0, seq: -1 };

  constructor(options: {
    socket: WebSocket;
    request: IncomingMessage;
    viewer: Viewer;
    pages: PageOptions;
    /** Called when the page has reported its path. */
    onShow: () => void;
  }) {
    this.socket = options.socket;
    this.request = options.request;
    this.viewer = options.viewer;
    this.#pages = options.pages;
    this.socket.on("message", (data) => {
      const message = parse(data.toString());
      if (!message) return this.socket.close(1008, "not understood");
      this.#url = new URL(message.show, HERE);
      this.#shown.clear();
      this.#log = undefined;
      this.#logShown = message.log ?? { attempt: 0, seq: -1 };
      options.onShow();
    });
  }

  say(type: string, data: unknown): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > MAX_BUFFERED_BYTES) {
      this.socket.terminate();
      return;
    }
    this.#saidAt = performance.now();
    this.socket.send(JSON.stringify({ type, at: isoTime(this.#pages.now()), data }));
  }

  /** Sends a change, if the viewer may see it. */
  tell({ type, data, repository }: Change): void {
    if (repository === null || maySee(this.viewer, repository)) this.say(type, data);
  }

  /** Sends a beat after a while without any message. */
  beat(): void {
    if (performance.now() - this.#saidAt >= BEAT_MS) this.say("beat", {});
  }

  /**
   * Sends the regions that have changed, and new pieces of the log. A beat may follow only if everything
   * could be read.
   */
  async refresh(cache: PageCache): Promise<void> {
    const url = this.#url;
    if (!url) return this.beat();
    try {
      const page = await cache.load(this.viewer, url);
      // The window may show another page by now.
      if (!page || url !== this.#url) return;
      const regions: Record<string, string> = {};
      for (const [name, made] of Object.entries(page.regions)) {
        const markup = String(await made);
        const lasting = withoutTimes(markup);
        if (this.#shown.get(name) === lasting) continue;
        this.#shown.set(name, lasting);
        regions[name] = markup;
      }
      if (page.log) await this.#sendLog(page.log.deployment);
      if (Object.keys(regions).length > 0) this.say("page", { title: page.title, regions });
      this.beat();
    } catch (error) {
      // The page is gone, or hidden from this viewer; a reload says so.
      if (!(error instanceof HttpProblem)) throw error;
      this.say("trouble", { detail: error.message });
    }
  }

  async #sendLog(deployment: string): Promise<void> {
    this.#log ??= new LogReader(this.#pages.store, deployment, this.#logShown);
    for (const piece of await this.#log.next()) this.say("log", { deployment, ...piece });
  }
}

/** The page itself counts times, so their progress is no change. */
function withoutTimes(markup: string): string {
  return markup.replaceAll(/(<time [^>]*>)[^<]*/g, "$1");
}

function parse(text: string): z.infer<typeof showing> | undefined {
  try {
    return showing.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
