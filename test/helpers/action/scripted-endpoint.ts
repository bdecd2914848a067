import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Deployment, DeploymentStatus } from "../../../shared/deployment.ts";
import type { DeploymentRequest } from "../../../shared/deployment-request.ts";
import { INSTANCE_HEADER } from "../../../shared/instance-header.ts";

/** A delivery secret for tests. */
export const TEST_SECRET = `whsec_${Buffer.from("0123456789abcdef0123456789abcdef").toString("base64")}`;

/** What an instance's answers have, and a proxy's have not. */
export const BY_INSTANCE = { [INSTANCE_HEADER.toLowerCase()]: "primary" };

/** One request as it arrived. */
export interface Arrival {
  method: string;
  /** Path and query. */
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
  at: number;
}

/** How an endpoint answers one request. */
export type Step = (context: {
  request: IncomingMessage;
  response: ServerResponse;
  arrival: Arrival;
  /** The endpoints' shared memory. */
  store: DeploymentStore;
  name: string;
}) => void | Promise<void>;

/** The one record of deployments that a set of endpoints shares, as twins share their store. */
export class DeploymentStore {
  readonly byId = new Map<string, Deployment>();
  /** The states that reading a deployment brings one after another; the last one stays. */
  script: DeploymentStatus[] = ["queued", "running"];
  /** Fields to set over every deployment that is shown. */
  override: Partial<Deployment> = {};

  /** Notes a request as an instance would. */
  accept(request: DeploymentRequest, by: string): Deployment {
    const id = `dep_${request.run_id}_${request.run_attempt}`;
    const known = this.byId.get(id);
    if (known) {
      known.duplicate = true;
      return { ...known, ...this.override };
    }
    const deployment = deploymentFor(request, { id, accepted_by: by, status: this.script[0] ?? "queued" });
    this.byId.set(id, deployment);
    return { ...deployment, ...this.override };
  }

  /** Shows a deployment and takes the next step of the script. */
  read(id: string): Deployment | undefined {
    const deployment = this.byId.get(id);
    if (!deployment) return undefined;
    if (this.script.length > 1) this.script.shift();
    deployment.status = this.script[0] ?? deployment.status;
    return { ...deployment, ...this.override };
  }
}

/** A deployment as an instance would answer `request`. */
export function deploymentFor(request: DeploymentRequest, changes: Partial<Deployment> = {}): Deployment {
  return {
    id: "dep_1",
    repository: request.repository,
    target: request.target ?? request.environment,
    environment: request.environment,
    sha: request.sha,
    ref: request.ref,
    run_id: request.run_id,
    run_attempt: request.run_attempt,
    status: "queued",
    superseded_by: null,
    duplicate: false,
    source: "action",
    accepted_by: "primary",
    run_by: null,
    hosts: null,
    attempt: 1,
    exit_code: null,
    reason: null,
    accepted_at: "2026-11-01T00:00:00Z",
    started_at: null,
    finished_at: null,
    verified_at: null,
    verify: null,
    log_tail: null,
    url: "https://deploy.example.com/deployments/dep_1",
    ...changes,
  };
}

/** A real server on the loopback interface that answers by a script. */
export class ScriptedEndpoint {
  readonly url: string;
  readonly arrivals: Arrival[] = [];
  readonly #close: () => Promise<void>;
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  /**
   * Starts one. Each request takes the next step; the last one stays.
   * @param path a base path that the endpoint's URL has.
   * @param tls makes it speak https.
   */
  static async start(
    steps: readonly Step[],
    {
      store = new DeploymentStore(),
      name = "primary",
      path = "",
      tls,
    }: { store?: DeploymentStore; name?: string; path?: string; tls?: { cert: string; key: string } } = {},
  ): Promise<ScriptedEndpoint> {
    const left = [...steps];
    const sockets = new Set<Socket>();
    let endpoint: ScriptedEndpoint | undefined;
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const arrival: Arrival = {
          method: request.method ?? "",
          path: request.url ?? "",
          headers: request.headers,
          body: Buffer.concat(chunks).toString("utf8"),
          at: performance.now(),
        };
        if (endpoint) endpoint.#arrive(arrival);
        const step = left.length > 1 ? left.shift() : left[0];
        await step?.({ request, response, arrival, store, name });
      })().catch(() => request.destroy());
    };
    const server = tls ? createTlsServer(tls, answer) : createServer(answer);
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => sockets.delete(socket));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    endpoint = new ScriptedEndpoint(`${tls ? "https" : "http"}://127.0.0.1:${port}${path}`, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return endpoint;
  }

  /** Requests that tried to deliver. */
  get deliveries(): Arrival[] {
    return this.arrivals.filter(({ method }) => method === "POST");
  }

  /** Requests that read a deployment back. */
  get reads(): Arrival[] {
    return this.arrivals.filter(({ method }) => method === "GET");
  }

  /** Resolves when that many requests have arrived. */
  arrived(count: number): Promise<void> {
    if (this.arrivals.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** Stops listening and drops every connection. */
  close(): Promise<void> {
    return this.#close();
  }

  #arrive(arrival: Arrival): void {
    this.arrivals.push(arrival);
    for (const { count, resolve } of this.#waiting) if (this.arrivals.length >= count) resolve();
  }
}

let refusing = 0;

/**
 * An address on which nothing listens, another one each time. A port that was free a moment ago may be another
 * test's now; nobody takes port 1.
 */
export function refusingUrl(): string {
  refusing += 1;
  return `http://127.0.${(refusing >> 8) + 1}.${refusing & 255}:1`;
}

/** Works as an instance does: accepts on POST, shows on GET. */
export const works: Step = ({ request, response, arrival, store, name }) => {
  if (request.method === "POST") {
    const deployment = store.accept(JSON.parse(arrival.body), name);
    return sendJson(response, deployment.duplicate ? 200 : 202, deployment);
  }
  const id = /\/api\/deployments\/([^/?]+)/.exec(arrival.path)?.[1] ?? "";
  const deployment = store.read(decodeURIComponent(id));
  if (deployment) sendJson(response, 200, deployment);
  else sendJson(response, 404, { type: "about:blank", title: "No such deployment", status: 404 });
};

/** Takes the request and never answers. */
export const blackHole: Step = () => {};

/** Breaks the connection off once the request is read. */
export const resets: Step = ({ request }) => {
  request.socket.resetAndDestroy();
};

/** Answers with a status, a body and headers: a document as an instance does, a text as a proxy does. */
export function answers(
  status: number,
  body: unknown = { type: "about:blank", title: "Scripted", status },
  headers: Record<string, string> = {},
): Step {
  return ({ response }) => {
    if (typeof body !== "string") return sendJson(response, status, body, headers);
    response.writeHead(status, { "content-type": "text/html", ...headers }).end(body);
  };
}

/** Sends the headers and the start of the body, then breaks the connection off. */
export const cutsOff: Step = ({ request, response }) => {
  response.writeHead(202, { "content-type": "application/json", "content-length": "5000" });
  response.write('{"id":"dep_', () => request.socket.destroy());
};

/** Sends the headers and then one byte now and then, without end. */
export const drips: Step = ({ response }) => {
  response.writeHead(202, { "content-type": "application/json" });
  const timer = setInterval(() => response.write(" "), 50);
  response.once("close", () => clearInterval(timer));
};

/** Accepts the deployment, but the answer is lost on the way. */
export const acceptsSilently: Step = ({ request, arrival, store, name }) => {
  if (request.method === "POST") store.accept(JSON.parse(arrival.body), name);
  request.socket.destroy();
};

/** Works for requests of this method and takes the other step for the rest. */
export function onlyFor(method: "GET" | "POST", then: Step, otherwise: Step): Step {
  return (context) => (context.request.method === method ? then : otherwise)(context);
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const type = status >= 400 ? "application/problem+json" : "application/json";
  response.writeHead(status, { "content-type": type, ...BY_INSTANCE, ...headers }).end(JSON.stringify(body));
}
