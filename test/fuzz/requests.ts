import { createHmac } from "node:crypto";
import { connect } from "node:net";
import fc from "fast-check";
import { WebSocket } from "ws";
import { PEER_PATH } from "../../app/failover/peer-links.ts";
import { ADMIN_TOKEN, DELIVERY_SECRET, TestHost } from "../helpers/test-host.ts";
import { startGitHub } from "../simulator/simulator.ts";
import type { Entrance } from "./fuzz.ts";

/** A last resort: a connection that is neither answered nor closed. */
const LIMIT_MS = 60_000;
const WEBHOOK = "/api/github/webhooks";
/** Nobody may read or change these without a proof of identity. */
const PROTECTED = [
  ...["/api/status", "/api/deployments", "/api/deliveries", "/api/targets", "/api/switchover", "/api/alerts"],
  ...["/api/deployments/dep_1", "/api/deployments/dep_1/retry", "/api/deployments/dep_1/cancel", WEBHOOK],
  ...["/api/targets/acme/site/production/hold", "/api/targets/acme/site/production/rollback", "/api/tokens"],
];
const ANYWHERE = [
  "/",
  "/livez",
  "/readyz",
  "/metrics",
  "/sign-in",
  "/sign-out",
  "/settings",
  "/live",
  "/setup",
  "/..%2f",
  "/%ff",
  "/%00",
  "//x",
  "*",
];

const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }));
/** Text that a header can carry. */
const headerText = fc.string().map((value) => value.replaceAll(/[^\x20-\x7e]/g, "").trim());
const method = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS");
const base64url = (content: unknown) => Buffer.from(JSON.stringify(content)).toString("base64url");
const json = fc.oneof(
  fc.json(),
  text,
  fc
    .record(
      {
        action: fc.oneof(fc.constantFrom("completed", "requested"), fc.json()),
        repository: fc.oneof(fc.constant({ full_name: "acme/site", id: 1 }), fc.jsonValue()),
        workflow_run: fc.oneof(
          fc.record(
            {
              id: fc.oneof(fc.nat(), fc.double(), fc.jsonValue()),
              run_attempt: fc.oneof(fc.nat(), fc.jsonValue()),
              head_sha: fc.oneof(fc.constant("a".repeat(40)), fc.jsonValue()),
              head_branch: fc.oneof(fc.constant("main"), fc.jsonValue()),
              conclusion: fc.oneof(fc.constant("success"), fc.jsonValue()),
              path: fc.oneof(fc.constant(".github/workflows/ci.yml"), fc.jsonValue()),
              run_started_at: fc.oneof(fc.constant("2026-01-01T00:00:00Z"), fc.jsonValue()),
            },
            { requiredKeys: [] },
          ),
          fc.jsonValue(),
        ),
        sha: fc.oneof(fc.constant("a".repeat(40)), fc.jsonValue()),
        target: fc.jsonValue(),
        payload: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((content) => JSON.stringify(content)),
);
/** A token whose claims look right, and whose signature nobody made. */
const token = fc
  .record({
    header: fc.record({
      alg: fc.constantFrom("none", "RS256", "HS256", "ES256", ""),
      kid: fc.oneof(headerText, fc.constant("1")),
    }),
    claims: fc.record(
      {
        iss: fc.oneof(fc.constant("https://token.actions.githubusercontent.com"), fc.jsonValue()),
        aud: fc.oneof(fc.constant("twinhook"), fc.jsonValue()),
        repository: fc.oneof(fc.constant("acme/site"), fc.jsonValue()),
        exp: fc.oneof(fc.constant(4_000_000_000), fc.jsonValue()),
        run_id: fc.oneof(fc.constant("1"), fc.jsonValue()),
        environment: fc.oneof(fc.constant("production"), fc.jsonValue()),
      },
      { requiredKeys: [] },
    ),
    signature: fc.oneof(fc.constant(""), fc.base64String(), headerText),
  })
  .map(({ header, claims, signature }) => `${base64url(header)}.${base64url(claims)}.${signature}`);
const credential = fc.oneof(
  token.map((value) => `Bearer ${value}`),
  headerText.map((value) => `Bearer ${value}`),
  headerText.map((value) => `Basic ${Buffer.from(value).toString("base64")}`),
  headerText,
  fc.constantFrom(`Bearer ${ADMIN_TOKEN.slice(0, -1)}`, `Bearer ${ADMIN_TOKEN}x`, "Bearer", "bearer  "),
);

interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
}

/**
 * An instance with everything real, and what comes to it over the network from people who may do nothing. `end` stops
 * it, and returns the promises that were broken meanwhile.
 */
export async function requestEntrances(): Promise<{
  entrances: Entrance[];
  /** How often each status was answered. */
  answers: Map<number, number>;
  end: () => Promise<string[]>;
}> {
  const github = await startGitHub();
  github.addRepository("acme/site");
  const host = await TestHost.create({ github, instances: ["primary"] });
  const instance = await host.startInProcess("primary");
  const base = new URL(host.url("primary"));
  const secrets = [ADMIN_TOKEN, DELIVERY_SECRET, host.webhookSecret];
  const unhandled: string[] = [];
  const answers = new Map<number, number>();
  const note = (error: unknown) => void unhandled.push(`a promise was left alone: ${error}`);
  process.on("unhandledRejection", note);

  /** What is wrong with an answer to someone who may do nothing. */
  function judge(path: string, status: number, type: string, body: string): string | null {
    answers.set(status, (answers.get(status) ?? 0) + 1);
    if (status >= 500 && ![501, 503, 505].includes(status)) return `${status}: ${body.slice(0, 300)}`;
    const leaked = secrets.find((secret) => body.includes(secret));
    if (leaked) return "the answer shows a secret";
    if (PROTECTED.includes(path.split("?")[0] as string) && status >= 200 && status < 300)
      return `it is let in with ${status}: ${body.slice(0, 300)}`;
    if (status < 400 || !path.startsWith("/api/") || path === WEBHOOK || body === "") return null;
    if (!type.startsWith("application/problem+json")) return `${status} is no problem document: ${type}`;
    return (JSON.parse(body) as { detail?: string }).detail ? null : `${status} says nothing of what to do`;
  }
  async function ask({ method, path, headers, body }: Asked): Promise<string | null> {
    const may = method !== "GET" && method !== "HEAD";
    const answer = await fetch(new URL(path, base), {
      ...{ method, headers, redirect: "manual" },
      ...(may && body !== undefined && { body }),
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    return judge(path, answer.status, answer.headers.get("content-type") ?? "", await answer.text());
  }
  const entrance = <I>(one: Omit<Entrance<I>, "atOnce">): Entrance => ({ ...one, atOnce: 16 }) as Entrance;
  const path = fc.constantFrom(...PROTECTED);

  const entrances = [
    entrance({
      name: "raw HTTP",
      share: 2,
      inputs: fc.record({
        line: fc.oneof(
          fc
            .tuple(
              method,
              fc.constantFrom(...PROTECTED, ...ANYWHERE),
              fc.constantFrom("HTTP/1.1", "HTTP/1.0", "HTTP/9", ""),
            )
            .map((parts) => parts.join(" ")),
          text,
        ),
        headers: fc.array(
          fc.oneof(
            fc.constantFrom(
              "Host: x",
              "Content-Length: 5",
              "Content-Length: -1",
              "Content-Length: 99999999999",
              "Transfer-Encoding: chunked",
              "Expect: 100-continue",
              "Upgrade: websocket",
              "Connection: upgrade",
              "Accept: text/html",
            ),
            text,
          ),
          { maxLength: 6 },
        ),
        body: fc.oneof(text, fc.constantFrom("0\r\n\r\n", "ffffffff\r\n", "5\r\nhello\r\n")),
      }),
      attempt: async ({ line, headers, body }) => {
        const answer = await raw(base, `${[line, ...headers].join("\r\n")}\r\n\r\n${body}`);
        const [head = "", ...rest] = answer.split("\r\n\r\n");
        const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
        if (answer !== "" && status === 0) return `the answer is not HTTP: ${answer.slice(0, 100)}`;
        const asked = line.split(" ")[1] ?? "";
        // HEAD, and Node's own refusals, have no document.
        return judge(asked.startsWith("/api/") ? "" : asked, status, "", rest.join("\r\n\r\n"));
      },
    }),
    entrance({
      name: "events with a wrong signature",
      share: 3,
      inputs: fc.record({
        event: fc.oneof(fc.constantFrom("workflow_run", "create", "ping", "installation"), headerText),
        guid: headerText,
        signature: fc.oneof(
          headerText,
          fc.constantFrom("", "sha256=", `sha256=${"0".repeat(64)}`, `sha1=${"0".repeat(40)}`),
        ),
        body: json,
      }),
      attempt: ({ event, guid, signature, body }) =>
        ask({
          ...{ method: "POST", path: WEBHOOK, body },
          headers: {
            "content-type": "application/json",
            ...{ "x-github-event": event, "x-github-delivery": guid, "x-hub-signature-256": signature },
          },
        }),
    }),
    entrance({
      name: "events of another shape, rightly signed",
      share: 1,
      inputs: fc.record({
        event: fc.constantFrom("workflow_run", "create", "delete", "ping", "deployment"),
        body: json,
      }),
      attempt: async ({ event, body: fitting }) => {
        // A run that fits a target is deployed, and rightly so.
        const body = fitting.replaceAll('"main"', '"elsewhere"');
        const signature = `sha256=${createHmac("sha256", host.webhookSecret).update(body).digest("hex")}`;
        const answer = await fetch(new URL(WEBHOOK, base), {
          ...{ method: "POST", body },
          headers: {
            "content-type": "application/json",
            ...{
              "x-github-event": event,
              "x-github-delivery": crypto.randomUUID(),
              "x-hub-signature-256": signature,
            },
          },
        });
        const said = await answer.text();
        return answer.status >= 500 && answer.status !== 503
          ? `${answer.status}: ${said.slice(0, 300)}`
          : null;
      },
    }),
    entrance({
      name: "OIDC claims and other credentials",
      share: 3,
      inputs: fc.record({ method, path, credential, body: json }),
      attempt: ({ method, path, credential, body }) =>
        ask({
          method,
          path,
          body,
          headers: { authorization: credential, "content-type": "application/json" },
        }),
    }),
    entrance({
      name: "cookies",
      share: 2,
      inputs: fc.record({
        method,
        path,
        cookie: fc
          .array(
            fc.tuple(
              fc.oneof(fc.constantFrom("session", "__Host-session", "twinhook_session", "state"), headerText),
              fc.oneof(headerText, token),
            ),
          )
          .map((all) => all.map((pair) => pair.join("=")).join("; ")),
      }),
      attempt: ({ method, path, cookie }) => ask({ method, path, headers: { cookie } }),
    }),
    entrance({
      name: "forms",
      share: 2,
      inputs: fc.record({
        path: fc.constantFrom("/sign-in", "/sign-out", "/settings", "/setup", ...PROTECTED.slice(0, -1)),
        fields: fc.array(
          fc.tuple(fc.oneof(fc.constantFrom("token", "csrf", "to", "reason", "return_to"), text), text),
          { maxLength: 5 },
        ),
        broken: fc.oneof(fc.constant(""), text),
      }),
      attempt: ({ path, fields, broken }) => {
        const body = `${fields.map((pair) => pair.map((part) => encodeURIComponent(part.toWellFormed())).join("=")).join("&")}${broken}`;
        return ask({
          method: "POST",
          path,
          body,
          headers: { "content-type": "application/x-www-form-urlencoded" },
        });
      },
    }),
    entrance({
      name: "WebSocket frames of peer links",
      share: 1,
      inputs: fc.array(
        fc.oneof(
          text,
          fc.uint8Array({ maxLength: 200 }),
          fc.json(),
          fc
            .record({
              type: fc.constantFrom("proof", "beat", "hello", "leaving"),
              proof: fc.oneof(text, fc.jsonValue()),
            })
            .map((frame) => JSON.stringify(frame)),
          fc
            .record({
              type: fc.constant("hello"),
              version: fc.oneof(fc.constant(1), fc.jsonValue()),
              from: fc.constantFrom("backup", "primary", ""),
              to: fc.constantFrom("primary", "x"),
              nonce: fc.oneof(text, fc.jsonValue()),
            })
            .map((frame) => JSON.stringify(frame)),
        ),
        { minLength: 1, maxLength: 5 },
      ),
      attempt: (frames) => sendFrames(base, frames),
    }),
  ];
  return {
    entrances,
    answers,
    end: async () => {
      process.off("unhandledRejection", note);
      const broken = [...unhandled];
      const { items } = (await (await host.admin("primary", "GET", "/api/deployments")).json()) as {
        items: unknown[];
      };
      if (items.length > 0) broken.push(`${items.length} deployments were made`);
      if (secrets.some((secret) => instance.output.includes(secret))) broken.push("the log shows a secret");
      await host.close();
      await github.close();
      return broken;
    },
  };
}

/** Sends bytes, and ends the sending. Returns everything that is answered until the connection is closed. */
function raw({ hostname, port }: URL, content: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ host: hostname, port: Number(port) });
    socket.setTimeout(LIMIT_MS, () =>
      socket.destroy(new Error("the connection was neither answered nor closed")),
    );
    socket.setEncoding("latin1");
    socket.on("data", (piece) => {
      answer += piece;
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") reject(error);
    });
    socket.on("close", () => resolve(answer));
    socket.end(content);
  });
}

/** Sends frames as if it were a peer. The other side may challenge, and must hear nobody without a proof. */
function sendFrames(base: URL, frames: readonly (string | Uint8Array)[]): Promise<string | null> {
  return new Promise((resolve, reject) => {
    let promise: string | null = null;
    const socket = new WebSocket(`ws://${base.host}${PEER_PATH}`);
    socket.on("message", (data) => {
      const { type } = JSON.parse(String(data)) as { type: string };
      if (type !== "challenge") promise = `it answers with ${data}`;
    });
    socket.on("open", () => {
      for (const frame of frames) socket.send(frame);
      socket.close();
    });
    socket.on("error", (error) => {
      if (!/closed|hang up|ECONNRESET|EPIPE|Unexpected server response/.test(error.message)) reject(error);
    });
    socket.on("close", () => resolve(promise));
  });
}
