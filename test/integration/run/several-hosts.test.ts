import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { TargetAnswer } from "../../../app/reads/answers/target.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { DEPLOYMENTS_PATH } from "../../../shared/deployment-request.ts";
import { eventually } from "../../helpers/eventually.ts";
import { freePorts } from "../../helpers/free-ports.ts";
import type { InProcessInstance } from "../../helpers/in-process-instance.ts";
import { newDatabaseUrl } from "../../helpers/stores.ts";
import { ADMIN_TOKEN, TestHost } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const NAMES = ["a", "b", "c"];
/** Fails where the file `broken` lies beside it. */
const SCRIPT = `#!/bin/sh
echo "start $TWINHOOK_DEPLOYMENT_ID $TWINHOOK_ATTEMPT $TWINHOOK_RUN_ID $TWINHOOK_SHA $(date +%s%N)" >> "$TRACE_FILE"
echo "deploying $TWINHOOK_SHA"
[ ! -e broken ] || exit 3
echo "end $TWINHOOK_DEPLOYMENT_ID $TWINHOOK_ATTEMPT $TWINHOOK_RUN_ID $TWINHOOK_SHA $(date +%s%N)" >> "$TRACE_FILE"
`;

/** Three hosts, each with a folder and an instance of its own, which share PostgreSQL. */
async function threeHosts() {
  const github = await startGitHub();
  github.addRepository("acme/site");
  const store = (await newDatabaseUrl("postgres")) as string;
  const ports = await freePorts(NAMES.length);
  const instances = NAMES.map((name, index) => ({
    ...{ name, host: name, url: `http://127.0.0.1:${ports[index]}`, listen: `127.0.0.1:${ports[index]}` },
  }));
  const hosts = new Map<string, TestHost>();
  for (const name of NAMES) {
    const host = await TestHost.create({
      ...{ github, store, script: SCRIPT, config: { instances } },
      targets: [
        { name: "everywhere", hosts: "all", share_log: true },
        { name: "on-b", hosts: ["b"] },
      ],
    });
    for (const one of instances) host.urls[one.name] = one.url;
    hosts.set(name, host);
  }
  const on = (name: string) => hosts.get(name) as TestHost;
  return {
    on,
    close: async () => {
      for (const host of hosts.values()) await host.close();
      await github.close();
    },
    start: (name: string) => on(name).startInProcess(name),
    /** Sends a run's event to the first host; returns what it made: the deployment everywhere, and that on b. */
    run: async () => {
      const { event } = github.completeRun({ repository: "acme/site", send: false });
      // A busy database may refuse at first: it has accepted nothing then.
      const answer = await eventually(async () => {
        const one = await on("a").sendEvent("a", event);
        if (one.status === 503) throw new Error(await one.text());
        return one;
      });
      const text = await answer.text();
      const { deployments = [] } = JSON.parse(text) as { deployments?: { id: string }[] };
      expect(deployments, text).toHaveLength(2);
      return deployments.map(({ id }) => id) as [everywhere: string, onB: string];
    },
    becomes: (id: string, status: Deployment["status"]) =>
      on("a").deployment("a", id, (deployment) => deployment.status === status),
    commands: (id: string, what: "start" | "end" = "start") =>
      NAMES.flatMap((name) =>
        on(name)
          .trace()
          .filter((line) => line.deployment === id && line.what === what)
          .map((line) => ({ host: name, ...line })),
      ),
  };
}

it("one host on SQLite may be all hosts", async () => {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({ github, instances: ["primary"], targets: [{ hosts: "all" }] });
  onTestFinished(() => host.close());
  await host.startInProcess("primary");
  const { event } = github.completeRun({ repository: "acme/site", send: false });
  const answer = await host.sendEvent("primary", event);
  const { deployments } = (await answer.json()) as { deployments: { id: string }[] };
  const done = await host.deployment(
    "primary",
    deployments[0]?.id ?? "",
    ({ status }) => status === "succeeded",
  );
  expect(done).toMatchObject({ run_by: null, exit_code: 0, reason: null });
  expect(done.hosts).toMatchObject([{ host: "localhost", status: "succeeded", exit_code: 0 }]);
});

const statuses = ({ hosts }: Deployment) => hosts?.map(({ host, status }) => `${host} ${status}`);

describe("three hosts on PostgreSQL", () => {
  let scene: Awaited<ReturnType<typeof threeHosts>>;
  let started: InProcessInstance[];
  beforeAll(async () => {
    scene = await threeHosts();
    started = [await scene.start("a"), await scene.start("b"), await scene.start("c")];
  });
  afterAll(() => scene.close());

  it("run a target on all of them one at a time, and another on b alone, while hosts come and go", async () => {
    const { on, start, run, becomes, commands } = scene;
    const [everywhere, onB] = await run();
    const done = await becomes(everywhere, "succeeded");
    expect(done.run_by).toBeNull();
    expect(statuses(done)).toEqual(["a succeeded", "b succeeded", "c succeeded"]);
    // The same commit, each once, one after the other.
    const [starts, ends] = [commands(everywhere), commands(everywhere, "end")];
    expect(starts.map(({ host, sha }) => [host, sha])).toEqual(NAMES.map((name) => [name, done.sha]));
    for (const [index, { at }] of ends.slice(0, -1).entries())
      expect(at).toBeLessThanOrEqual(starts[index + 1]?.at ?? 0);
    expect(await becomes(onB, "succeeded")).toMatchObject({ run_by: "b", hosts: null });
    expect(commands(onB).map(({ host }) => host)).toEqual(["b"]);
    const log = await (await on("c").admin("c", "GET", `${DEPLOYMENTS_PATH}/${everywhere}/log`)).text();
    expect(log.split("\n").filter((line) => line !== "")).toEqual(
      NAMES.flatMap((name) => [`[twinhook] on the host ${name}`, `deploying ${done.sha}`]),
    );
    const targets = (await (await on("a").admin("a", "GET", "/api/targets")).json()) as {
      items: TargetAnswer[];
    };
    expect(targets.items).toMatchObject([
      { name: "everywhere", hosts: "all", live: { deployment: everywhere, hosts: NAMES } },
      { name: "on-b", hosts: ["b"], live: { deployment: onB, hosts: ["b"] } },
    ]);

    await started[1]?.kill();
    const [later, laterOnB] = await run();
    const waits = "waits for the host b, which is down";
    for (const id of [later, laterOnB])
      await eventually(async () => {
        const answer = await on("c").admin("c", "GET", `${DEPLOYMENTS_PATH}/${id}`);
        expect(((await answer.json()) as Deployment).reason).toBe(waits);
      });
    expect(statuses(await becomes(later, "running"))).toEqual(["a succeeded", "b pending", "c pending"]);
    expect(commands(laterOnB)).toEqual([]);
    await start("b");
    expect(statuses(await becomes(later, "succeeded"))).toEqual([
      "a succeeded",
      "b succeeded",
      "c succeeded",
    ]);
    expect((await becomes(laterOnB, "succeeded")).run_by).toBe("b");
    expect(commands(laterOnB).map(({ host }) => host)).toEqual(["b"]);
  });

  it("stop at the host where the command fails, and a retry goes on there", async () => {
    const { on, run, becomes, commands } = scene;
    const broken = join(on("b").siteDirectory, "broken");
    writeFileSync(broken, "");
    const [everywhere] = await run();
    const failed = await becomes(everywhere, "failed");
    expect(failed).toMatchObject({ exit_code: 3, reason: "on b: the command exited with code 3" });
    expect(statuses(failed)).toEqual(["a succeeded", "b failed", "c pending"]);
    rmSync(broken);
    await on("c").admin("c", "POST", `${DEPLOYMENTS_PATH}/${everywhere}/retry`);
    const done = await becomes(everywhere, "succeeded");
    expect(statuses(done)).toEqual(["a succeeded", "b succeeded", "c succeeded"]);
    expect(commands(everywhere).map(({ host }) => host)).toEqual(["a", "b", "b", "c"]);
    const person = new Visitor(on("a").url("a"));
    await person.signInWithToken(ADMIN_TOKEN);
    const page = await (await person.get(`/deployments/${everywhere}`, { accept: "text/html" })).text();
    for (const name of NAMES) expect(page).toContain(`<dt>On ${name}</dt><dd><span class="state good">`);
  });
});
