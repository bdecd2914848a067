import { request } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { ENGINES, type Engine, newDatabaseUrl } from "../../helpers/stores.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";

async function setScene(engine: Engine): Promise<TestHost> {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const store = await newDatabaseUrl(engine);
  const host = await TestHost.create({ github, instances: ["primary"], ...(store && { store }) });
  onTestFinished(() => host.close());
  await host.startInProcess("primary");
  return host;
}

/** Sends a body without end, and resolves with the status that is answered meanwhile. */
function flood(url: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const sending = request(url, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
  });
  const piece = "a=b&".repeat(16_384);
  const send = () => {
    while (sending.write(piece));
  };
  sending.on("drain", send);
  sending.on("response", ({ statusCode }) => {
    resolve(statusCode);
    sending.destroy();
  });
  sending.on("error", reject);
  send();
  return promise;
}

describe.each(ENGINES)("with the store on %s", (engine) => {
  it("requests that nobody sends in earnest are refused with their status, and never with 500", async () => {
    const host = await setScene(engine);
    const admin = async (method: string, path: string, body?: unknown) =>
      (await host.admin("primary", method, path, body)).status;
    const cursor = (key: unknown[]) => Buffer.from(JSON.stringify(key)).toString("base64url");
    for (const path of [
      "/api/deployments/%00",
      "/api/deployments/%00/log",
      "/api/deployments?repository=a%00b",
      "/api/deliveries?guid=%00",
      `/api/deployments?cursor=${cursor([1.5])}`,
      `/api/deployments?cursor=${cursor([1e300])}`,
      `/api/deliveries?cursor=${cursor([1, "\0"])}`,
    ])
      expect([path, await admin("GET", path)]).toEqual([path, 400]);
    const deep = `{"a":${"[".repeat(30_000)}${"]".repeat(30_000)}}`;
    const nested = await fetch(host.url("primary", "/api/deployments"), {
      method: "POST",
      headers: {
        authorization: `Bearer ${host.env.TWINHOOK_ADMIN_TOKEN}`,
        "content-type": "application/json",
      },
      body: `{"repository":"acme/site","sha":"${"a".repeat(40)}","payload":${deep}}`,
    });
    expect([nested.status, await nested.text()]).toEqual([400, expect.stringContaining("nested too deeply")]);
    // Until an instance has become the controller, there is nothing to switch over.
    await expect
      .poll(() => admin("POST", "/api/switchover", { to: "primary", force: true, reason: "x\0" }))
      .toBe(202);
    for (const body of [
      { action: "a\0b", repository: { full_name: "acme/\0" } },
      { action: { toString: 1 }, repository: { full_name: [] } },
    ])
      expect((await host.sendEvent("primary", body, { event: "deployment" })).status).toBe(200);
    const empty = await fetch(host.url("primary", "/api/github/webhooks"), {
      method: "POST",
      headers: { "x-github-event": "ping", "x-github-delivery": "x", "x-hub-signature-256": "sha256=00" },
    });
    expect(empty.status).toBe(401);
  });
});

it.each(["/sign-in", "/setup/code", "/api/switchover"])(
  "a body without end is refused by %s while it is read, whoever sends it",
  async (path) => {
    const host = await setScene("sqlite");
    expect(await flood(host.url("primary", path))).toBe(413);
    await host.untilReady("primary");
  },
);
