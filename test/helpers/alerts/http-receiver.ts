import { createServer, type IncomingHttpHeaders } from "node:http";
import { atTestEnd } from "../at-test-end.ts";
import { freePort } from "../free-ports.ts";
import { Arrived } from "./arrived.ts";

/** A request that the receiver got. */
export interface Post {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  /** How it was answered; null when it was not. */
  status: number | null;
  /** When it had come (ms). */
  at: number;
}

/** A service that takes webhooks, such as Slack, on a port of the test's own. */
export class HttpReceiver {
  readonly posts = new Arrived<Post>();
  /** What it answers from now on; null: nothing. */
  answer: { status: number; body?: (path: string) => string; headers?: Record<string, string> } | null = {
    status: 200,
  };
  #port = 0;
  #server = createServer((request, response) => {
    let text = "";
    request.setEncoding("utf8");
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      const { url = "", headers } = request;
      this.posts.add({ path: url, headers, text, status: this.answer?.status ?? null, at: Date.now() });
      if (!this.answer) return;
      response.writeHead(this.answer.status, this.answer.headers).end(this.answer.body?.(url));
    });
  });

  static async start(): Promise<HttpReceiver> {
    const receiver = new HttpReceiver();
    await receiver.comeUp();
    atTestEnd(() => receiver.goDown());
    return receiver;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  /** It refuses connections, on its port, until `comeUp`. */
  async goDown(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async comeUp(): Promise<void> {
    this.#port ||= await freePort();
    // A slow test finds its connection open.
    this.#server.keepAliveTimeout = 0;
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
  }
}
