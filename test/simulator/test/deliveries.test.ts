import type { ServerResponse } from "node:http";
import { Probot } from "probot";
import { afterEach, describe, expect, test } from "vitest";
import { appJwt } from "../client-jwt.ts";
import { type Received, startReceiver } from "../receiver.ts";
import { type GitHub, type GitHubOptions, startGitHub } from "../simulator.ts";

const DAY_MS = 86_400_000;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function start(
  answer?: (response: ServerResponse, received: Received) => void,
  options: GitHubOptions = {},
) {
  const receiver = await startReceiver(answer);
  const github = await startGitHub({ hookUrl: receiver.url, ...options });
  github.addRepository("acme/site");
  open.push(github, receiver);
  return { github, receiver };
}

/** Sends a request with the App's JWT. Keeps the answer's text as well, since its ids exceed 2^53. */
async function asApp(github: GitHub, method: string, path: string, body?: unknown) {
  const response = await fetch(path.startsWith("http") ? path : github.url + path, {
    method,
    headers: { authorization: `Bearer ${appJwt(github.app, {}, github.clock.now())}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, text, json: JSON.parse(text), link: response.headers.get("link") };
}

/** Whether Probot accepts the body as GitHub's. */
async function verifies(secret: string, body: string, signature: string): Promise<boolean> {
  const probot = new Probot({ secret, githubToken: "none", logLevel: "fatal" });
  await probot.ready();
  return probot.webhooks.verify(body, signature);
}

describe("a delivery", () => {
  test("carries the headers and the signature that GitHub sends", async () => {
    const { github, receiver } = await start();
    const { guid, delivery } = github.completeRun({ repository: "acme/site" });
    await delivery;
    const [request] = receiver.received;
    expect(request?.method).toBe("POST");
    expect(request?.headers).toMatchObject({
      "x-github-event": "workflow_run",
      "x-github-delivery": guid,
      "x-github-hook-id": String(github.hook.id),
      "x-github-hook-installation-target-id": String(github.app.id),
      "x-github-hook-installation-target-type": "integration",
      "content-type": "application/json",
    });
    expect(request?.headers["user-agent"]).toMatch(/^GitHub-Hookshot\//);
    const signature = String(request?.headers["x-hub-signature-256"]);
    expect(await verifies(github.app.webhookSecret, request?.body ?? "", signature)).toBe(true);
    expect(await verifies("another secret", request?.body ?? "", signature)).toBe(false);
  });

  test("is a form field when the hook's content type says so", async () => {
    const { github, receiver } = await start();
    github.hook.config = { ...github.hook.config, content_type: "form" };
    const { delivery } = github.completeRun({ repository: "acme/site" });
    await delivery;
    const [request] = receiver.received;
    expect(request?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    const payload = JSON.parse(new URLSearchParams(request?.body).get("payload") ?? "");
    expect(payload.repository.full_name).toBe("acme/site");
    const signature = String(request?.headers["x-hub-signature-256"]);
    expect(await verifies(github.app.webhookSecret, request?.body ?? "", signature)).toBe(true);
  });

  test("fails with 504 when the receiver takes longer than the limit, and is not sent again", async () => {
    const { github, receiver } = await start(() => {}, { deliveryLimitMs: 60 });
    const record = await github.completeRun({ repository: "acme/site" }).delivery;
    expect(record).toMatchObject({ status_code: 504, status: "timed out", redelivery: false });
    expect(record.duration).toBeGreaterThanOrEqual(0.05);
    await github.completeRun({ repository: "acme/site" }).delivery;
    expect(receiver.received).toHaveLength(2);
    expect(github.deliveries).toHaveLength(2);
  });

  test("fails with 504 when the answer begins in time but does not end", async () => {
    const { github } = await start((response) => response.writeHead(200).write("o"), { deliveryLimitMs: 60 });
    const record = await github.completeRun({ repository: "acme/site" }).delivery;
    expect(record.status_code).toBe(504);
  });

  test("fails with 502 when nobody listens, and with the receiver's own code when it answers", async () => {
    const { github, receiver } = await start((response) => response.writeHead(503).end("later"));
    const answered = await github.completeRun({ repository: "acme/site" }).delivery;
    expect(answered).toMatchObject({ status_code: 503, response: { payload: "later" } });
    await receiver.close();
    const refused = await github.completeRun({ repository: "acme/site" }).delivery;
    expect(refused).toMatchObject({ status_code: 502, status: "failed to connect to host" });
  });

  test("does not follow a redirect", async () => {
    const { github, receiver } = await start((response) =>
      response.writeHead(302, { location: "/else" }).end(),
    );
    const record = await github.completeRun({ repository: "acme/site" }).delivery;
    expect(record.status_code).toBe(302);
    expect(receiver.received.map(({ path }) => path)).toEqual(["/hook"]);
  });

  test("does not wait for the one before it", async () => {
    const waiting: ServerResponse[] = [];
    const { github } = await start((response) => {
      // No request gets its answer before all three have arrived.
      waiting.push(response);
      if (waiting.length === 3) for (const one of waiting) one.end();
    });
    const sent = [1, 2, 3].map(() => github.completeRun({ repository: "acme/site" }).delivery);
    expect((await Promise.all(sent)).map(({ status_code }) => status_code)).toEqual([200, 200, 200]);
  });

  test("goes to the App's hook and to the repository's hooks under one GUID", async () => {
    const { github, receiver } = await start();
    const other = await startReceiver();
    open.push(other);
    const config = { url: other.url, content_type: "json", secret: "the repository's" };
    await asInstallation(github, "POST", "/repos/acme/site/hooks", { events: ["workflow_run"], config });
    await github.waitFor(() => other.received.some(({ headers }) => headers["x-github-event"] === "ping"));
    const { guid, done } = github.completeRun({ repository: "acme/site" });
    await done;
    const toApp = receiver.received.at(-1);
    const toRepository = other.received.at(-1);
    expect(toApp?.headers["x-github-delivery"]).toBe(guid);
    expect(toRepository?.headers["x-github-delivery"]).toBe(guid);
    expect(toRepository?.headers["x-github-hook-installation-target-type"]).toBe("repository");
    expect(JSON.parse(toApp?.body ?? "").installation).toBeTruthy();
    expect(JSON.parse(toRepository?.body ?? "").installation).toBeUndefined();
  });

  test("of an event to which the App is not subscribed is never made", async () => {
    const { github, receiver } = await start(undefined, { app: { events: ["deployment"] } });
    expect(await github.completeRun({ repository: "acme/site" }).done).toEqual([]);
    expect(receiver.received).toEqual([]);
  });

  test("is cut off when the simulated GitHub closes", async () => {
    const { github, receiver } = await start(() => {});
    const { delivery } = github.completeRun({ repository: "acme/site" });
    await github.waitFor(() => github.deliveriesInFlight === 1);
    await github.close();
    expect((await delivery).status_code).toBe(502);
    expect(receiver.received.length).toBeLessThanOrEqual(1);
  });
});

describe("the delivery log", () => {
  test("has ids above 2^53 with all their digits, so close that numbers would confuse them", async () => {
    const { github } = await start();
    for (let i = 0; i < 3; i++) await github.completeRun({ repository: "acme/site" }).delivery;
    const { text, json } = await asApp(github, "GET", "/app/hook/deliveries");
    const written = [...text.matchAll(/"id":(\d+)/g)].map(([, id]) => id);
    expect(written).toEqual(github.deliveries.map(({ id }) => String(id)));
    expect(new Set(written).size).toBe(3);
    expect(json.every(({ id }: { id: number }) => id > Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(new Set(json.map(({ id }: { id: number }) => id)).size).toBeLessThan(3);
  });

  test("is read page by page with a cursor, the newest first", async () => {
    const { github } = await start();
    for (let i = 0; i < 5; i++) await github.completeRun({ repository: "acme/site" }).delivery;
    const guids: string[] = [];
    let next: string | undefined = "/app/hook/deliveries?per_page=2";
    let pages = 0;
    while (next) {
      const page: Awaited<ReturnType<typeof asApp>> = await asApp(github, "GET", next);
      guids.push(...page.json.map(({ guid }: { guid: string }) => guid));
      next = /<([^>]+)>; rel="next"/.exec(page.link ?? "")?.[1];
      pages++;
    }
    expect(pages).toBe(3);
    expect(guids).toEqual(github.deliveries.map(({ guid }) => guid));
  });

  test("keeps to the same pages while new deliveries arrive", async () => {
    const { github } = await start();
    for (let i = 0; i < 4; i++) await github.completeRun({ repository: "acme/site" }).delivery;
    const before = github.deliveries.map(({ guid }) => guid);
    const first = await asApp(github, "GET", "/app/hook/deliveries?per_page=2");
    await github.completeRun({ repository: "acme/site" }).delivery;
    const second = await asApp(github, "GET", /<([^>]+)>/.exec(first.link ?? "")?.[1] ?? "");
    expect(second.json.map(({ guid }: { guid: string }) => guid)).toEqual(before.slice(2));
  });

  test("gives at most 100 a page", async () => {
    const { github } = await start();
    await Promise.all(
      Array.from({ length: 101 }, () => github.completeRun({ repository: "acme/site" }).delivery),
    );
    const { json, link } = await asApp(github, "GET", "/app/hook/deliveries?per_page=500");
    expect(json).toHaveLength(100);
    expect(link).toContain('rel="next"');
  });

  test("counts a redirect as a success, 4xx and 5xx as failures, and no answer at all as neither", async () => {
    const codes = [200, 302, 404, 503];
    const { github, receiver } = await start((response) => response.writeHead(codes.shift() ?? 500).end());
    for (let i = 0; i < 4; i++) await github.completeRun({ repository: "acme/site" }).delivery;
    // A TLS handshake with a plain HTTP server fails; GitHub records code 0.
    github.hook.config = { ...github.hook.config, url: receiver.url.replace("http:", "https:") };
    expect((await github.completeRun({ repository: "acme/site" }).delivery).status_code).toBe(0);
    const listed = async (status: string) =>
      (await asApp(github, "GET", `/app/hook/deliveries${status}`)).json.map(
        ({ status_code }: { status_code: number }) => status_code,
      );
    expect(await listed("")).toEqual([0, 503, 404, 302, 200]);
    expect(await listed("?status=success")).toEqual([302, 200]);
    expect(await listed("?status=failure")).toEqual([503, 404]);
    expect((await asApp(github, "GET", "/app/hook/deliveries?status=lost")).status).toBe(422);
  });

  test("shows a single delivery with its request and response", async () => {
    const { github, receiver } = await start();
    const { delivery, event } = github.completeRun({ repository: "acme/site" });
    const { id, guid } = await delivery;
    const { json } = await asApp(github, "GET", `/app/hook/deliveries/${id}`);
    expect(json).toMatchObject({ guid, url: receiver.url, status: "OK", response: { payload: "ok" } });
    expect(json.request.headers["X-GitHub-Delivery"]).toBe(guid);
    expect(json.request.payload).toEqual(event);
    expect((await asApp(github, "GET", `/app/hook/deliveries/${id + 1n}`)).status).toBe(404);
  });

  test("forgets a delivery after three days", async () => {
    const { github } = await start();
    const { id } = await github.completeRun({ repository: "acme/site" }).delivery;
    github.clock.advance(3 * DAY_MS - 60_000);
    expect((await asApp(github, "GET", `/app/hook/deliveries/${id}`)).status).toBe(200);
    github.clock.advance(120_000);
    expect((await asApp(github, "GET", "/app/hook/deliveries")).json).toEqual([]);
    expect((await asApp(github, "POST", `/app/hook/deliveries/${id}/attempts`)).status).toBe(404);
  });

  test("orders deliveries by when they were sent, whichever ended first", async () => {
    const slow: ServerResponse[] = [];
    const { github } = await start((response) => {
      if (slow.length === 0) slow.push(response);
      else response.end();
    });
    const first = github.completeRun({ repository: "acme/site" });
    await github.waitFor(() => github.deliveriesInFlight === 1);
    const second = github.completeRun({ repository: "acme/site" });
    await Promise.race([first.delivery, second.delivery]);
    for (const response of slow) response.end();
    await Promise.all([first.delivery, second.delivery]);
    expect(github.deliveries.map(({ guid }) => guid)).toEqual([second.guid, first.guid]);
  });
});

describe("a redelivery", () => {
  test("keeps the GUID and the payload, has an id of its own, and goes to the URL of now", async () => {
    const { github, receiver } = await start((response) => response.writeHead(500).end());
    const failed = await github.completeRun({ repository: "acme/site" }).delivery;
    const backup = await startReceiver();
    open.push(backup);
    await asApp(github, "PATCH", "/app/hook/config", { url: backup.url, content_type: "json" });
    const { status } = await asApp(github, "POST", `/app/hook/deliveries/${failed.id}/attempts`);
    expect(status).toBe(202);
    const again = await github.waitFor(() => github.deliveries.find(({ redelivery }) => redelivery));
    expect(again).toMatchObject({ guid: failed.guid, status_code: 200, url: backup.url });
    expect(again.id > failed.id).toBe(true);
    expect(backup.received[0]?.body).toBe(receiver.received[0]?.body);
    expect(github.deliveries).toHaveLength(2);
  });
});

describe("the hook's config", () => {
  test("reads back without the secret and takes partial changes", async () => {
    const { github } = await start();
    const url = "https://backup.example/api/github/webhooks";
    const { json } = await asApp(github, "PATCH", "/app/hook/config", { url });
    expect(json).toEqual({ content_type: "json", insecure_ssl: "0", secret: "********", url });
    expect(github.hook.config.secret).toBe(github.app.webhookSecret);
  });

  test("may be told to forget a secret that is left out, since nobody knows what GitHub does", async () => {
    const { github, receiver } = await start(undefined, { appHookForgetsSecret: true });
    await asApp(github, "PATCH", "/app/hook/config", { url: receiver.url });
    await github.completeRun({ repository: "acme/site" }).delivery;
    expect(receiver.received[0]?.headers["x-hub-signature-256"]).toBeUndefined();
  });

  test("refuses what is no URL", async () => {
    const { github, receiver } = await start();
    expect((await asApp(github, "PATCH", "/app/hook/config", { url: "backup" })).status).toBe(422);
    expect(github.hook.config.url).toBe(receiver.url);
  });

  test("of a repository loses its secret by a change of the hook, not by one of its config", async () => {
    const { github, receiver } = await start();
    const config = { url: receiver.url, content_type: "json", secret: "s" };
    const made = await asInstallation(github, "POST", "/repos/acme/site/hooks", { config });
    const path = `/repos/acme/site/hooks/${made.json.id}`;
    await asInstallation(github, "PATCH", `${path}/config`, { url: `${receiver.url}/2` });
    expect((await asInstallation(github, "GET", path)).json.config.secret).toBe("********");
    await asInstallation(github, "PATCH", path, { config: { url: receiver.url } });
    expect((await asInstallation(github, "GET", path)).json.config.secret).toBeUndefined();
  });
});

async function asInstallation(github: GitHub, method: string, path: string, body?: unknown) {
  const { installation_id } = github.repository("acme/site");
  const token = await asApp(github, "POST", `/app/installations/${installation_id}/access_tokens`);
  const response = await fetch(github.url + path, {
    method,
    headers: { authorization: `token ${token.json.token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: JSON.parse(await response.text()) };
}
