import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { interrupt } from "../../../app/queue/interrupt.ts";
import { beginVerification, noteAnswer } from "../../../app/queue/verification.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { eventually } from "../../helpers/eventually.ts";
import { parseExposition } from "../../helpers/exposition.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

describe("a deployment whose site is asked", () => {
  let github: GitHub;
  let host: TestHost;
  let status = 503;
  const site = createServer((_request, response) => response.writeHead(status).end());
  let url = "";

  beforeAll(async () => {
    github = await startGitHub();
    github.addRepository("acme/site");
    await once(site.listen(0, "127.0.0.1"), "listening");
    url = `http://127.0.0.1:${(site.address() as AddressInfo).port}/version`;
    host = await TestHost.create({
      github,
      instances: ["primary"],
      targets: [{ queue: "latest", verify: { url, within: "1h", interval: "100ms" } }],
    });
    await host.startInProcess("primary");
  });
  afterAll(async () => {
    await host.close();
    await github.close();
    site.close();
  });

  let runId = 8_000;
  const run = async (): Promise<string> => {
    const { event } = github.completeRun({ repository: "acme/site", runId: ++runId, send: false });
    const answer = await host.sendEvent("primary", event);
    return ((await answer.json()) as { deployments: { id: string }[] }).deployments[0]?.id ?? "";
  };
  const until = (id: string, check: (deployment: Deployment) => boolean) =>
    host.deployment("primary", id, check);
  const counted = async (result: string) => {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const text = await (await fetch(host.url("primary", "/metrics"), { headers })).text();
    return parseExposition(text).value("twinhook_verify_seconds_count", { result });
  };

  it("shows that as a step of its own in the API, on its page, at GitHub and in the metrics", async () => {
    status = 503;
    const id = await run();
    const asking = await until(id, ({ verify }) => verify?.answer === "503");
    expect(asking).toMatchObject({
      status: "running",
      verify: { url, status: "running", started_at: expect.any(String), finished_at: null },
    });
    await github.waitFor(
      () => github.statuses("acme/site").at(-1)?.description === `Deploying: verifying ${url}`,
    );
    const someone = new Visitor(host.url("primary"));
    await someone.signInWithToken(ADMIN_TOKEN);
    const page = async () => (await someone.get(`/deployments/${id}`, { accept: "text/html" })).text();
    expect(await page()).toMatch(/verifying for[\s\S]*aria-label="Steps"[\s\S]*last answer: 503/);

    status = 200;
    const done = await until(id, (deployment) => deployment.status === "succeeded");
    expect(done.verify).toEqual({
      ...asking.verify,
      status: "succeeded",
      finished_at: done.finished_at,
      answer: null,
    });
    await eventually(async () => expect(await counted("succeeded")).toBe(1));
    expect(await counted("cancelled")).toBe(0);
  });

  it("is cancelled together with its verification, which keeps the last answer", async () => {
    status = 503;
    const id = await run();
    await until(id, ({ verify }) => verify?.answer === "503");
    expect((await host.admin("primary", "POST", `/api/deployments/${id}/cancel`)).status).toBe(202);
    const { verify } = await until(id, (deployment) => deployment.status === "cancelled");
    expect(verify).toMatchObject({ status: "cancelled", answer: "503" });
    await eventually(async () => expect(await counted("cancelled")).toBe(1));
  });
});

describe.each(ENGINES)("a verification that its runner does not end, on %s", (engine) => {
  it("is forgotten when the deployment is run again, and a lost runner writes nothing", async () => {
    const store = await newStore(engine);
    const target = testTarget();
    const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
    await acceptor.accept(runArrival(1, [target]));
    const { name, queue, workflow, lock } = target;
    const claimed = await claim(store, {
      ...{ repositoryKey: "acme/site", target: name, queue, workflow, lock },
      ...{ holder: "run_1", instance: "primary", host: "host-1" },
    });
    if (claimed.kind !== "claimed") throw new Error(`it is ${claimed.kind}`);
    const { deployment } = claimed;
    const lease = { deploymentId: deployment.id, holder: "run_1", token: deployment.token };
    const row = () => store.read.selectFrom("deployments").selectAll().executeTakeFirstOrThrow();

    await beginVerification(store, lease, "https://example.com/");
    await noteAnswer(store, lease, "503");
    expect(await row()).toMatchObject({ verify_url: "https://example.com/", verify_answer: "503" });
    expect(await interrupt(store, await row(), "retry", "its runner ended")).toBe("queued");
    await beginVerification(store, lease, "https://example.com/");
    await noteAnswer(store, lease, "503");
    expect(await row()).toMatchObject({ verify_url: null, verify_started_at: null, verify_answer: null });
  });
});
