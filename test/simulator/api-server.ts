import http, { type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../helpers/free-ports.ts";
import { answerRequest, type RequestRecord } from "./answer-request.ts";
import { faultAnswer } from "./fault-answer.ts";
import type { Faults } from "./faults.ts";
import type { RateLimits } from "./rate-limits.ts";
import { stringifyExact } from "./raw-json.ts";
import { readBody } from "./request-body.ts";
import type { Answer, Router } from "./router.ts";
import { stableSha } from "./stable-values.ts";
import type { World } from "./world.ts";

/** The HTTP side of the simulated GitHub: sockets, headers, faults. The routes decide the answers. */
export class ApiServer {
  /** Every request that arrived, oldest first. */
  readonly requests: RequestRecord[] = [];
  latencyMs: number;
  readonly #host: string;
  readonly #world: World;
  readonly #router: Router;
  readonly #faults: Faults;
  readonly #limits: RateLimits | null;
  readonly #closing = new AbortController();
  #server: http.Server | undefined;
  #port = 0;

  constructor(
    world: World,
    router: Router,
    faults: Faults,
    limits: RateLimits | null,
    latencyMs: number,
    host: string,
  ) {
    this.#host = host;
    this.#world = world;
    this.#router = router;
    this.#faults = faults;
    this.#limits = limits;
    this.latencyMs = latencyMs;
  }

  /** Listens, later always on the port of the first time. Returns the URL. */
  async listen(port = this.#port): Promise<string> {
    this.#port = port || (await freePort());
    const server = http.createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, this.#host, resolve);
    });
    this.#server = server;
    return `http://${this.#host}:${this.#port}`;
  }

  /** Stops listening and cuts every connection; new connections are refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.stop();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A client that leaves early needs no answer.
    response.on("error", () => {});
    try {
      await this.#answer(request, response);
    } catch {
      response.destroy();
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { text, fields } = await readBody(request);
    const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "127.0.0.1"}`);
    const prefix = /^\/api\/v3(?=\/|$)/.exec(url.pathname)?.[0] ?? "";
    const path = url.pathname.slice(prefix.length) || "/";
    const record: RequestRecord = {
      method: request.method ?? "GET",
      path,
      query: Object.fromEntries(url.searchParams),
      auth: "none",
      at: this.#world.clock.now(),
      body: text === "" ? null : text,
      status: null,
    };
    this.requests.push(record);
    this.#world.changes.emit("request", record);

    const met = this.#faults.meeting(record.method, path);
    const late = met.reduce(
      (ms, { fault }) => ms + (fault.kind === "latency" ? fault.ms : 0),
      this.latencyMs,
    );
    if (late > 0) await pause(late, undefined, { signal: this.#closing.signal });
    const other = met.find(({ fault }) => fault.kind !== "latency");
    if (other?.fault.kind === "hang") await other.cleared;
    if (other?.fault.kind === "hang" || other?.fault.kind === "reset") return cut(response.socket);

    const answer =
      (other && faultAnswer(other.fault, this.#world.clock.now())) ??
      answerRequest({
        world: this.#world,
        router: this.#router,
        limits: this.#limits,
        record,
        fields,
        headers: request.headers as Record<string, string>,
        query: url.searchParams,
        root: `${url.origin}${prefix}`,
      });
    record.status = answer.status;
    if (other?.fault.kind === "lost-answer") cut(response.socket);
    else this.#write(response, answer, other?.fault.kind === "corrupt");
    this.#world.changes.emit("answer", record);
  }

  #write(response: ServerResponse, answer: Answer, corrupt: boolean): void {
    const isText = typeof answer.body === "string";
    const body =
      answer.body === undefined ? "" : isText ? (answer.body as string) : stringifyExact(answer.body);
    response.writeHead(answer.status, {
      Date: new Date(this.#world.clock.now()).toUTCString(),
      Server: "github.com",
      "X-GitHub-Media-Type": "github.v3; format=json",
      "x-github-api-version-selected": "2022-11-28",
      "X-GitHub-Request-Id": stableSha(`request ${this.requests.length}`).slice(0, 24).toUpperCase(),
      ...(body !== "" && { "Content-Type": `${isText ? "text/html" : "application/json"}; charset=utf-8` }),
      ...answer.headers,
    });
    response.end(corrupt ? body.slice(0, Math.ceil(body.length / 2)) : body);
  }
}

function cut(socket: Socket | null): void {
  if (socket && "resetAndDestroy" in socket) socket.resetAndDestroy();
  else (socket as Socket | null)?.destroy();
}
