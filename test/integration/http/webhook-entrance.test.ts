import { createHmac, randomUUID } from "node:crypto";
import { request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awayGitHub } from "../../helpers/away-github.ts";
import type { StartedInstance } from "../../helpers/process.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

const PREVIOUS_SECRET = "the secret before the rotation";
let host: TestHost;
let instance: StartedInstance;

beforeAll(async () => {
  host = await TestHost.create({
    github: awayGitHub(),
    instances: ["primary"],
    env: { WEBHOOK_SECRET_PREVIOUS: PREVIOUS_SECRET },
  });
  instance = await host.startInProcess("primary");
});
afterAll(() => host.close());

const sign = (body: string | Buffer, secret = host.webhookSecret) =>
  `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(host.url("primary", "/api/github/webhooks"), {
    method: "POST",
    body: typeof body === "string" ? body : new Uint8Array(body),
    headers: {
      "content-type": "application/json",
      "x-github-event": "workflow_run",
      "x-github-delivery": randomUUID(),
      "x-hub-signature-256": sign(body),
      ...headers,
    },
  });
}

async function expectProblem(response: Response, status: number, detail: RegExp) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(await response.json()).toEqual({
    type: expect.stringMatching(new RegExp(`/docs/troubleshooting\\.md#answer-${status}$`)),
    title: expect.any(String),
    status,
    detail: expect.stringMatching(detail),
  });
  expect(response.status).toBe(status);
  await host.untilReady("primary");
}

describe("bad input to the webhook entrance gets its own answer and stops nothing", () => {
  const event = JSON.stringify(workflowRunPayload());

  it("answers 401 when the signature is missing, and says which header", async () => {
    await expectProblem(
      await post(event, { "x-hub-signature-256": "" }),
      401,
      /X-Hub-Signature-256 is missing/,
    );
  });

  it.each([
    ["of another secret", () => sign(event, "another secret")],
    ["of another body", () => sign(`${event} `)],
    ["that is no signature at all", () => "sha256=nonsense"],
    ["in the old SHA-1 form", () => "sha1=da39a3ee5e6b4b0d3255bfef95601890afd80709"],
  ])("answers 401 to a signature %s", async (_, signature) => {
    await expectProblem(await post(event, { "x-hub-signature-256": signature() }), 401, /WEBHOOK_SECRET/);
  });

  it("accepts a signature of the secret before the rotation", async () => {
    const response = await post(event, { "x-hub-signature-256": sign(event, PREVIOUS_SECRET) });
    expect(response.ok).toBe(true);
  });

  it("answers 400 to a content type that no webhook has", async () => {
    await expectProblem(await post(event, { "content-type": "text/plain" }), 400, /application\/json/);
  });

  it.each([
    ["not JSON", "workflow_run=completed"],
    ["truncated JSON", event.slice(0, 5_000)],
    ["a JSON list", "[]"],
    ["JSON null", "null"],
  ])("answers 400 to %s", async (_, body) => {
    await expectProblem(await post(body), 400, /not a JSON object/);
  });

  it.each([
    ["an empty object", "{}", /workflow_run/],
    [
      "a run without an id",
      JSON.stringify({ ...workflowRunPayload(), workflow_run: {} }),
      /workflow_run\.id/,
    ],
    [
      "a repository of the wrong type",
      JSON.stringify({ ...workflowRunPayload(), repository: 7 }),
      /repository/,
    ],
  ])("answers 400 to %s, and names the field", async (_, body, field) => {
    await expectProblem(await post(body), 400, field);
  });

  it.each(["x-github-event", "x-github-delivery"])("answers 400 when %s is missing", async (name) => {
    await expectProblem(await post(event, { [name]: "" }), 400, /X-GitHub-Event and X-GitHub-Delivery/);
  });

  it("answers 413 to 26 MB by its length alone", async () => {
    const response = await post(Buffer.alloc(26 * 1024 * 1024, 32)).catch((error: Error) => error);
    // The answer may come while the body is still being sent, which fetch reports as a broken connection.
    if (response instanceof Response) await expectProblem(response, 413, /larger than/);
    await host.untilReady("primary");
  });

  it("answers 413 to 26 MB that announce no length", async () => {
    const answer = await new Promise<number | string | undefined>((resolve) => {
      const sending = request(host.url("primary", "/api/github/webhooks"), {
        method: "POST",
        headers: {
          "transfer-encoding": "chunked",
          "x-hub-signature-256": sign(event),
          "x-github-event": "workflow_run",
          "x-github-delivery": "g",
        },
      });
      sending.on("response", (response) => resolve(response.statusCode));
      // The answer may come while the body is still being sent, which shows as a broken connection.
      sending.on("error", (error: NodeJS.ErrnoException) => resolve(error.code));
      const chunk = Buffer.alloc(1024 * 1024, 32);
      const send = (left: number) => {
        if (left > 0 && !sending.destroyed) sending.write(chunk, () => send(left - 1));
      };
      send(26);
    });
    expect([413, "ECONNRESET", "EPIPE"]).toContain(answer);
    await host.untilReady("primary");
  });

  it("takes no harm from a client that hangs up in the middle of the body", async () => {
    const { port, hostname } = new URL(host.url("primary"));
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), hostname, () => {
        socket.write(
          `POST /api/github/webhooks HTTP/1.1\r\nhost: x\r\nx-hub-signature-256: ${sign(event)}\r\n` +
            `x-github-event: workflow_run\r\nx-github-delivery: g\r\ncontent-length: ${event.length}\r\n\r\n` +
            event.slice(0, 100),
          () => socket.destroy(),
        );
      });
      socket.on("close", () => resolve());
    });
    await instance.line(({ msg }) => msg?.startsWith("event refused: the connection ended") ?? false);
    await host.untilReady("primary");
  });
});

describe("events that do not deploy are answered 2xx, with the reason", () => {
  it.each([
    ["of an unknown repository", { repository: "acme/other" }, /no target is configured for acme\/other/],
    ["of a fork whose branch is called main", { fork: true, branch: "main" }, /fork/],
    ["of another branch", { branch: "feature" }, /branch feature/],
    ["of another workflow of the same name", { path: ".github/workflows/other.yml", name: "ci" }, /workflow/],
    ["started by an event that is not allowed", { event: "pull_request" }, /started by pull_request/],
    ["that failed", { conclusion: "failure" }, /conclusion failure/],
    ["that was skipped", { conclusion: "skipped" }, /conclusion skipped/],
    ["that is not completed", { action: "requested" as const }, /not completed/],
  ])("a run %s", async (_, options, reason) => {
    const response = await host.sendEvent("primary", workflowRunPayload({ runId: 77, ...options }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      outcome: "ignored",
      reason: expect.stringMatching(reason),
      deployments: [],
    });
  });

  it.each(["ping", "push", "an_event_of_the_future"])(
    "an event of the kind %s, which is only counted",
    async (event) => {
      const response = await host.sendEvent("primary", { zen: "Design for failure." }, { event });
      expect(response.status).toBe(202);
      expect(await response.json()).toMatchObject({ outcome: "counted", delivery: null });
    },
  );

  it("a deployment event, which is noted", async () => {
    const guid = randomUUID();
    const payload = { action: "created", repository: { full_name: "acme/site" } };
    expect((await host.sendEvent("primary", payload, { event: "deployment", guid })).status).toBe(200);
    const answer = await host.admin("primary", "GET", `/api/deliveries?guid=${guid}`);
    expect(await answer.json()).toMatchObject({ items: [{ guid, event: "deployment", outcome: "ignored" }] });
  });
});

describe("an event that deploys", () => {
  it("is answered 202 with its deployment, and 200 with the same one when GitHub redelivers it", async () => {
    const guid = randomUUID();
    const payload = workflowRunPayload({ runId: 30_500_001 });
    const first = await host.sendEvent("primary", payload, { guid });
    const { deployments } = (await first.json()) as { deployments: { id: string }[] };
    expect(first.status).toBe(202);
    expect(deployments).toHaveLength(1);
    const again = await host.sendEvent("primary", payload, { guid });
    expect(again.status).toBe(200);
    expect(await again.json()).toMatchObject({
      outcome: "duplicate",
      deployments: [{ id: deployments[0]?.id, duplicate: true }],
    });
  });

  it("is one deployment also when the same run arrives under another GUID", async () => {
    const payload = workflowRunPayload({ runId: 30_500_002 });
    const ids = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const { deployments } = (await (await host.sendEvent("primary", payload)).json()) as {
          deployments: { id: string }[];
        };
        return deployments[0]?.id;
      }),
    );
    expect(new Set(ids).size).toBe(1);
  });

  it("is understood as a form as well, since a webhook may be set so", async () => {
    const body = new URLSearchParams({
      payload: JSON.stringify(workflowRunPayload({ runId: 30_500_003 })),
    }).toString();
    const response = await post(body, { "content-type": "application/x-www-form-urlencoded" });
    expect(response.status).toBe(202);
  });

  it("never shows a secret in the log", () => {
    expect(instance.output).not.toContain(host.webhookSecret);
    expect(instance.output).not.toContain(PREVIOUS_SECRET);
  });
});
