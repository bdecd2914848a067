import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { Arrived } from "./arrived.ts";

/** A request that the receiver got. */
export interface Post {
  path: string;
  headers: IncomingHttpHeaders;
  text: string;
  /** How it was answered. */
  status: number;
}

/** A service that takes webhooks, such as Slack, on a port of the test's own. */
export class HttpReceiver {
  readonly posts = new Arrived<Post>();
  /** What it answers from now on. */
  answer: { status: number; body?: (path: string) => string; headers?: Record<string, string> } = {
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
      const { status, body, headers } = this.answer;
      response.writeHead(status, headers).end(body?.(request.url ?? ""));
      this.posts.add({ path: request.url ?? "", headers: request.headers, text, status });
    });
  });

  static async start(): Promise<HttpReceiver> {
    const receiver = new HttpReceiver();
    await receiver.comeUp();
    onTestFinished(() => receiver.goDown());
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
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }
}
