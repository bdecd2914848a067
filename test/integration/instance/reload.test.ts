import { readFileSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { parse, stringify } from "yaml";
import { ConfigError } from "../../../app/config/problem.ts";
import type { StatusAnswer } from "../../../app/reads/answers/status.ts";
import { eventually } from "../../helpers/eventually.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const RELOADS = Number(process.env.TWINHOOK_TEST_RELOADS ?? 3);
/** Each of the two askers pauses so long: 200 requests a second in all. */
const PACE_MS = 10;

type FileConfig = { instances: { listen: string }[]; targets: Record<string, unknown>[] } & Record<
  string,
  unknown
>;

async function setScene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({ github });
  onTestFinished(() => host.close());
  const primary = await host.startInProcess("primary");
  const write = (change: (config: FileConfig) => void) => {
    const config = parse(readFileSync(host.configFile, "utf8")) as FileConfig;
    change(config);
    writeFileSync(host.configFile, stringify(config));
  };
  return {
    github,
    host,
    primary,
    write,
    targets: async () => {
      const status = await (await host.admin("primary", "GET", "/api/status")).json();
      return (status as StatusAnswer).targets.map(({ name }) => name).toSorted();
    },
  };
}

/** Asks again and again (not `/readyz`: a busy machine is not ready at times), over new connections and over one that stays open, until it is told to stop. */
function keepAsking(url: string) {
  const statuses: (number | string)[] = [];
  let stopped = false;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (how: Agent | false) =>
    new Promise<void>((resolve) => {
      const end = (status: number | string) => {
        statuses.push(status);
        resolve();
      };
      request(`${url}/livez`, { agent: how }, (answer) => {
        answer.resume().on("end", () => end(answer.statusCode ?? 0));
      })
        .on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
        .end();
    });
  const askers = [agent, false as const].map(async (how) => {
    while (!stopped) {
      await ask(how);
      await setTimeout(PACE_MS);
    }
  });
  onTestFinished(() => {
    stopped = true;
  });
  return {
    statuses,
    async stop() {
      stopped = true;
      await Promise.all(askers);
      agent.destroy();
      return statuses;
    },
  };
}

test("a reload asks GitHub at once how it protects the environment of a new target", async () => {
  const { github, host, primary, write } = await setScene();
  const asked = () => github.requests.filter(({ path }) => path.endsWith("/environments/staging"));
  await github.waitFor(() => github.requests.some(({ path }) => path.endsWith("/environments/production")));
  write(({ targets }) => targets.push({ ...targets[0], name: "staging", environment: "staging" }));
  await primary.reload(host.env);
  await github.waitFor(() => asked().length > 0);
});

test("a reload keeps the store open, and with it the proof that it can commit: no thread starts", async () => {
  const { host, primary } = await setScene();
  await host.untilReady("primary");
  let threads = 0;
  const count = () => threads++;
  process.on("worker", count);
  onTestFinished(() => void process.off("worker", count));
  await primary.reload(host.env);
  await host.untilReady("primary");
  expect(threads).toBe(0);
});

test("reloads refuse no request, and lose no event", async () => {
  const { github, host, primary, write, targets } = await setScene();
  const asking = keepAsking(host.url("primary"));
  const answers: Promise<number>[] = [];
  for (let count = 1; count <= RELOADS; count++) {
    const { event } = github.completeRun({ repository: "acme/site", send: false });
    answers.push(host.sendEvent("primary", event).then(({ status }) => status));
    write((config) => {
      config.targets = [config.targets[0] ?? {}, { ...config.targets[0], name: `added-${count}` }];
    });
    await primary.reload(host.env);
    expect(await targets()).toEqual([`added-${count}`, "production"]);
  }
  const statuses = await asking.stop();
  expect(statuses.length).toBeGreaterThan(2 * RELOADS);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect([...new Set(await Promise.all(answers))]).toEqual([202]);
  const runs = async () => new Set((await host.deployments("primary")).map(({ run_id }) => run_id)).size;
  await eventually(async () => expect(await runs()).toBe(RELOADS));
});

test("a reload of the active instance moves no webhook: its twin takes nothing over", async () => {
  const { github, host, primary } = await setScene();
  await host.startInProcess("backup");
  const status = async (instance: string) =>
    (await (await host.admin(instance, "GET", "/api/status")).json()) as StatusAnswer;
  const isQuiet = async () => {
    const { active, webhook, controller, endpoints } = await status("backup");
    expect({ active, inSync: webhook.in_sync }).toEqual({ active: "primary", inSync: true });
    expect(controller).not.toBeNull();
    expect(endpoints.map((one) => one.status)).toEqual(["healthy", "healthy"]);
    expect(Object.keys(endpoints[0]?.seen_by ?? {}).toSorted()).toEqual(["backup", "primary"]);
  };
  await eventually(isQuiet);
  const { url } = github.hook.config;
  for (let count = 0; count < 3; count++) {
    await primary.reload(host.env);
    await eventually(isQuiet);
  }
  expect((await status("primary")).last_failover).toBeNull();
  expect(github.hook.config.url).toBe(url);
});

test("a long poll from before a reload gets its answer", async () => {
  const { github, host, primary } = await setScene();
  const { event } = github.completeRun({ repository: "acme/site", send: false });
  const { deployments } = (await (await host.sendEvent("primary", event)).json()) as {
    deployments: { id: string }[];
  };
  const id = deployments[0]?.id ?? "";
  await host.deployment("primary", id, ({ status }) => status === "succeeded");
  const polled = host.admin("primary", "GET", `/api/deployments/${id}?wait=2`);
  await primary.reload(host.env);
  expect((await polled).status).toBe(200);
});

test("what cannot change while it runs is refused, with the command that takes it", async () => {
  const { host, primary, write } = await setScene();
  write((config) => {
    (config.instances[0] as { listen: string }).listen = "127.0.0.1:9";
    Object.assign(config, { store: "sqlite:./data/other.db" });
  });
  const refused = await primary.reload(host.env).catch((error: Error) => error);
  expect(refused).toBeInstanceOf(ConfigError);
  expect((refused as ConfigError).message).toMatch(/instances\[0\]\.listen.*twinhook restart/);
  expect((refused as ConfigError).message).toMatch(/store: .*systemctl restart twinhook/);
  await host.untilReady("primary");
});

test("a reload that fails half-way changes nothing, and the next one may succeed", async () => {
  const { host, primary, write, targets } = await setScene();
  const database = new DatabaseSync(join(host.stateDirectory, "twinhook.db"), { timeout: 0 });
  onTestFinished(() => database.close());
  // The instance, in this very thread, may be in a transaction: waiting for its lock would be for ever.
  const change = (statement: string) => eventually(() => database.exec(statement));
  await change(
    "CREATE TRIGGER no_more BEFORE INSERT ON targets BEGIN SELECT RAISE(ABORT, 'no more targets'); END",
  );
  write(({ targets }) => void targets.push({ ...targets[0], name: "second" }));
  await expect(primary.reload(host.env)).rejects.toThrow("no more targets");
  expect(await targets()).toEqual(["production"]);
  await change("DROP TRIGGER no_more");
  await primary.reload(host.env);
  expect(await targets()).toEqual(["production", "second"]);
});

test("an instance that has reloaded stops like any other", async () => {
  const { host, primary } = await setScene();
  await primary.reload(host.env);
  await primary.reload(host.env);
  expect(await primary.kill()).toEqual({ code: 0, signal: null });
  await expect(fetch(host.url("primary", "/livez"))).rejects.toThrow();
  await (await host.startInProcess("primary")).kill();
});
