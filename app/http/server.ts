import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import type { Logger } from "pino";
import { MAX_REQUEST_BYTES, WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { INSTANCE_HEADER } from "../../shared/instance-header.ts";
import { type CertificateFiles, readCertificate } from "../config/certificate.ts";
import type { InstanceConfig } from "../config/schema.ts";
import { asProblem } from "./as-problem.ts";
import type { BodyReader } from "./body-reader.ts";
import { followCertificate } from "./follow-certificate.ts";
import { answerHealth, type HealthCheck } from "./health-routes.ts";
import { HttpProblem } from "./problem.ts";

/** A client that needs longer to send its request is cut off. */
const REQUEST_LIMIT_MS = 60_000;
const HEADERS_LIMIT_MS = 15_000;
/** How often slow clients are looked for: Node's own 30 s would double the limit on headers. */
const LIMIT_CHECKS = { connectionsCheckingInterval: 1_000 };

/** Routes, and the path where they are mounted. */
export type MountedRoutes = readonly [path: string, routes: Hono];

export interface HandlerOptions {
  /** The instance's name, sent in a header of every answer; absent while no instance runs yet. */
  instance?: string;
  /** Handles `POST /api/github/webhooks`. */
  webhook: RequestListener;
  /** Health checks by their paths, where an instance runs. */
  health?: ReadonlyMap<string, HealthCheck>;
  /** Reads the bodies of all other requests. */
  bodies: BodyReader;
  /** Everything else. */
  routes: readonly MountedRoutes[];
  /** Adds the headers of every page. */
  pageHeaders: MiddlewareHandler;
  /** The page that a browser gets instead of a problem document. */
  problemPage: (problem: HttpProblem, c: Context) => Response | Promise<Response>;
  /** Called for every answer with status 400 and above. */
  onRefused?: (request: Request, status: number) => void;
  log: Logger;
}

/** Handles every request, and names its route in the router's words, such as `/api/deployments/:id`. */
export interface RequestHandler extends RequestListener {
  routes: { method: string; path: string }[];
}

/**
 * Answers every request to an instance, on each of its ports. The webhook entrance comes before the
 * framework: it must take hundreds of requests a second. So do health checks, which never end.
 */
export function requestHandler({
  instance,
  webhook,
  health,
  bodies,
  routes,
  pageHeaders,
  problemPage,
  onRefused,
  log,
}: HandlerOptions): RequestHandler {
  const app = new Hono<{ Bindings: HttpBindings }>();
  /** Requests whose body was refused; the framework answers them with this problem. */
  const refused = new WeakMap<object, HttpProblem>();
  app.use(pageHeaders);
  app.use(async (c, next) => {
    await next();
    if (c.res.status >= 400) onRefused?.(c.req.raw, c.res.status);
  });
  app.use(async (c, next) => {
    // PostgreSQL takes no NUL in text, and no stored text contains one.
    if (c.req.url.includes("%00"))
      throw new HttpProblem(400, "the address holds a NUL character (%00); leave it out");
    await next();
  });
  app.use(async (c, next) => {
    const problem = refused.get(c.env.incoming);
    if (problem) throw problem;
    await next();
  });
  for (const [path, mounted] of routes) app.route(path, mounted);
  const answer = (problem: HttpProblem, c: Context) =>
    c.req.header("accept")?.includes("text/html") ? problemPage(problem, c) : problem.toResponse();
  app.notFound((c) => answer(new HttpProblem(404, "there is nothing at this address"), c));
  app.onError((error, c) => {
    const problem = asProblem(error);
    if (problem.status === 500) log.error({ err: error, path: c.req.path }, "a request could not be handled");
    else log.debug({ path: c.req.path, status: problem.status }, problem.message);
    return answer(problem, c);
  });
  // Load balancers often check with HTTP/1.0 and without a Host header.
  const listener = getRequestListener(app.fetch, { hostname: "localhost" });

  const handle: RequestListener = (request, response) => {
    if (instance !== undefined) response.setHeader(INSTANCE_HEADER, instance);
    const path = request.url?.split("?", 1)[0];
    const check = request.method === "GET" ? health?.get(request.url ?? "") : undefined;
    if (check) void answerHealth(check, response);
    else if (path === WEBHOOK_PATH && request.method === "POST") webhook(request, response);
    else if (hasBody(request)) void readFirst(request, response);
    else void listener(request, response);
  };

  /** Reads the body before the framework does: the framework would read any number of bodies at a time. */
  async function readFirst(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const { bytes, release } = await bodies.read(request, MAX_REQUEST_BYTES);
      response.once("close", release);
      Object.assign(request, { rawBody: bytes });
    } catch (error) {
      refused.set(request, asProblem(error));
    }
    await listener(request, response);
  }
  return Object.assign(handle, {
    routes: [
      { method: "POST", path: WEBHOOK_PATH },
      ...app.routes.map(({ method, path }) => ({ method, path })),
    ],
  });
}

function hasBody({ method, headers }: IncomingMessage): boolean {
  if (method === "GET" || method === "HEAD") return false;
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Makes an HTTP or HTTPS server that does not listen yet. */
export function createWebServer(
  handle: RequestListener,
  { tls, log }: { tls: InstanceConfig["tls"] | undefined; log: Logger },
): Server {
  const server = tls ? createTlsServer(handle, tls, log) : createHttpServer(LIMIT_CHECKS, handle);
  server.requestTimeout = REQUEST_LIMIT_MS;
  server.headersTimeout = HEADERS_LIMIT_MS;
  return server;
}

function createTlsServer(handle: RequestListener, tls: CertificateFiles, log: Logger): Server {
  const used = readCertificate(tls);
  const server = createHttpsServer({ ...LIMIT_CHECKS, ...used }, handle);
  // A server that never listens needs no renewed certificate.
  server.once("listening", () => followCertificate(server, tls, { used, log }));
  return server;
}
