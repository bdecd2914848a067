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

/** Who does not keep up with this much is let go, and comes again. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/** How often there is a word at least: silence means that nobody is there. */
const BEAT_MS = 1_000;

/** Paths and queries are read against this. */
const HERE = "http://page.invalid";

/** What a page says of itself: its path and query, and how much of its log it has. */
const showing = z.object({
  show: z
    .string()
    .startsWith("/")
    .max(2_000)
    .refine((path) => URL.canParse(path, HERE)),
  log: z.object({ attempt: z.int().min(0), seq: z.int().min(-1) }).optional(),
});

/** One socket, and the page in whose window it was opened; a program's has none. */
export class LiveWindow {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  viewer: Viewer;
  #pages: PageOptions;
  #url: URL | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;
  #shown = new Map<string, string>();
  #log: LogReader | undefined;
  /** Output up to here is on the page already. */
  #logShown: { attempt: number; seq: number } = { attempt: 0, seq: -1 };

  constructor(options: {
    socket: WebSocket;
    request: IncomingMessage;
    viewer: Viewer;
    pages: PageOptions;
    /** Called when the page has said what it shows. */
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

  /** Tells a change, if it is for this viewer to know. */
  tell({ type, data, repository }: Change): void {
    if (repository === null || maySee(this.viewer, repository)) this.say(type, data);
  }

  /** Says that nothing has changed, where nothing was said for a while. */
  beat(): void {
    if (performance.now() - this.#saidAt >= BEAT_MS) this.say("beat", {});
  }

  /**
   * Sends what of the page has changed since it was sent last, and what has been added to its log. Only where all of
   * it could be read, a beat may follow.
   */
  async refresh(cache: PageCache): Promise<void> {
    const url = this.#url;
    if (!url) return this.beat();
    try {
      const page = await cache.load(this.viewer, url);
      // Another page may be shown by now.
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
      // It is not there any more, or not for this viewer: whoever loads it again is told so.
      if (!(error instanceof HttpProblem)) throw error;
      this.say("trouble", { detail: error.message });
    }
  }

  async #sendLog(deployment: string): Promise<void> {
    this.#log ??= new LogReader(this.#pages.store, deployment, this.#logShown);
    for (const piece of await this.#log.next()) this.say("log", { deployment, ...piece });
  }
}

/** Times are counted in the window: that they go on is no change. */
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
