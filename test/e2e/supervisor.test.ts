import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, type ExpectStatic, it, vi } from "vitest";
import { atTestEnd, setUpOnce } from "../helpers/at-test-end.ts";
import type { AppProcess, LogLine } from "../helpers/process.ts";
import { deliverRun, REPOSITORY, type Scene, setScene, shownAs } from "./twins.ts";

// Most of the time goes into starting processes, which gets no faster with more of them at once.
vi.setConfig({ maxConcurrency: 4 });

/** The exit code for what no restart will mend. */
const UNUSABLE = 78;

const started = (name: string) => (line: LogLine) => line.msg === "instance started" && line.name === name;
const listening = (name: string) => (line: LogLine) => line.msg === "listening" && line.instance === name;

/** Starts what `npm start` starts, and resolves with the pids of both instances once they listen. */
async function startAll({ host }: Scene, env: NodeJS.ProcessEnv = {}) {
  const supervisor = host.spawn([], env);
  const [primary, backup] = await Promise.all(
    ["primary", "backup"].map(async (name) => {
      await supervisor.line(listening(name));
      return Number((await supervisor.line(started(name))).pid);
    }),
  );
  return { supervisor, primary: primary as number, backup: backup as number };
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Has a deployment running, and returns its id. */
async function beginDeployment(scene: Scene, { supervisor }: { supervisor: AppProcess }): Promise<string> {
  const id = await deliverRun(scene, "primary");
  await supervisor.line(({ msg, deployment }) => msg === "deployment started" && deployment === id);
  return id;
}

describe("npm start, under systemd", () => {
  let scene: Scene;
  let all: Awaited<ReturnType<typeof startAll>>;
  let messages: () => string[];

  setUpOnce(async () => {
    scene = await setScene("sqlite");
    const { directory } = scene.host;
    const told = join(directory, "told");
    writeFileSync(join(directory, "systemd-notify"), `#!/bin/sh\necho "$1" >> ${told}\n`, { mode: 0o755 });
    writeFileSync(told, "");
    messages = () => readFileSync(told, "utf8").trimEnd().split("\n");
    all = await startAll(scene, {
      PATH: `${directory}:${process.env.PATH}`,
      NOTIFY_SOCKET: "/run/systemd/notify",
      WATCHDOG_USEC: "300000",
    });
  });

  it("tells systemd that it is ready once both instances listen, and that it lives", async ({ expect }) => {
    await expect.poll(messages).toContain("WATCHDOG=1");
    expect(messages()).toContain("STATUS=2 of 2 instances have started");
    expect(messages().filter((one) => one === "READY=1")).toHaveLength(1);
  });

  it("starts an instance again that was killed, and says so in the log", async ({ expect }) => {
    const { supervisor, primary } = all;
    process.kill(primary, "SIGKILL");
    const died = await supervisor.line(
      ({ msg, name }) => msg?.startsWith("instance died") === true && name === "primary",
    );
    expect(died).toMatchObject({ level: "error", signal: "SIGKILL" });
    expect(died.msg).toContain("restart in");
    const again = await supervisor.line((line) => started("primary")(line) && line.pid !== primary);
    await expect.poll(() => supervisor.lines.filter(listening("primary")).length).toBe(2);
    all.primary = Number(again.pid);
    expect(isRunning(all.primary)).toBe(true);
    await supervisor.line(({ msg, pid }) => msg === "instance is up" && pid === all.primary);
    expect(await scene.host.untilReady("primary")).toEqual({ instance: "primary", status: "ready" });
  });

  it("tells the others that an instance refused its configuration", async ({ expect }) => {
    const { host } = scene;
    writeFileSync(host.configFile, "instances: none");
    process.kill(all.primary, "SIGKILL");
    await all.supervisor.line(({ name, exitCode }) => name === "primary" && exitCode === UNUSABLE);
    const reason = async () => {
      const status = await (await host.admin("backup", "GET", "/api/status")).json();
      return (status as { endpoints: { name: string; reason: string }[] }).endpoints[0]?.reason;
    };
    await expect.poll(reason).toContain("it refused its configuration (exit code 78)");
  });

  it("tells systemd that it stops, which its instances do not say for it", async ({ expect }) => {
    await all.supervisor.kill("SIGTERM");
    await expect.poll(messages).toContain("STOPPING=1");
    for (const message of ["READY=1", "STOPPING=1"])
      expect(messages().filter((one) => one === message)).toHaveLength(1);
  });
});

describe("npm start, with a deployment that runs", () => {
  let scene: Scene;
  let all: Awaited<ReturnType<typeof startAll>>;
  const goOn = () => writeFileSync(join(scene.host.siteDirectory, "go-on"), "");
  const wait = () => rmSync(join(scene.host.siteDirectory, "go-on"), { force: true });
  const traceOf = (id: string) =>
    scene.host
      .trace()
      .filter(({ deployment }) => deployment === id)
      .map(({ what }) => what);

  setUpOnce(async () => {
    scene = await setScene("sqlite", { targets: [{ env: { UNTIL_FILE: "go-on" } }] });
    all = await startAll(scene);
  });

  it("stops both on SIGTERM and ends with 0, while the deployment goes on and is recorded", async ({
    expect,
  }) => {
    const { host } = scene;
    const id = await beginDeployment(scene, all);
    await expect.poll(() => traceOf(id)).toEqual(["start"]);
    const urlChanges = () =>
      scene.github.requests.filter(({ method, path }) => method === "PATCH" && path === "/app/hook/config");
    const before = urlChanges().length;
    expect(await all.supervisor.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect([all.primary, all.backup].map(isRunning)).toEqual([false, false]);
    // Nobody takes the place of one that stops, since all stop.
    expect(urlChanges()).toHaveLength(before);
    expect(all.supervisor.output).not.toContain("switchover");
    expect(traceOf(id)).toEqual(["start"]);
    expect(host.busyRunners()).toHaveLength(1);
    goOn();

    await expect.poll(() => host.busyRunners()).toEqual([]);
    all = await startAll(scene);
    const [recorded] = await host.deployments("backup");
    expect(recorded).toMatchObject({ id, status: "succeeded", exit_code: 0, attempt: 1 });
    expect(traceOf(id)).toEqual(["start", "end"]);
    await shownAs(scene, "success");
  });

  it("started again while the deployment still runs: the new instances neither disturb nor repeat it", async ({
    expect,
  }) => {
    const { host } = scene;
    wait();
    const id = await beginDeployment(scene, all);
    await all.supervisor.kill("SIGTERM");
    all = await startAll(scene);
    expect(host.busyRunners()).toHaveLength(1);
    goOn();
    const ended = await host.deployment("backup", id, ({ status }) => status !== "running");
    expect(ended).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(traceOf(id)).toEqual(["start", "end"]);
    await scene.github.waitFor(() => scene.github.deployments(REPOSITORY).length === 2);
    await scene.github.waitFor(() => scene.github.statuses(REPOSITORY).at(-1)?.state === "success");
  });

  it("its instances do not outlive it when it is killed once they listen", async ({ expect }) => {
    await expectNoneOutlives(expect, all.supervisor, [all.primary, all.backup]);
  });
});

describe("npm start", () => {
  it("gives both the time to finish what they send when it is stopped", async ({ expect }) => {
    // It takes an alert, and never says so: an instance waits for the answer for 10 s.
    const asked = Promise.withResolvers<void>();
    const receiver = createServer(() => asked.resolve());
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
    atTestEnd(() => {
      receiver.closeAllConnections();
      receiver.close();
    });
    const scene = await setScene("sqlite", {
      targets: [{ run: ["false"] }],
      config: { alerts: [{ type: "slack", url_env: "RECEIVER" }] },
      env: { RECEIVER: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}` },
    });
    const { supervisor } = await startAll(scene);
    await deliverRun(scene, "primary");
    await asked.promise;
    expect(await supervisor.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect(
      supervisor.lines.filter(({ msg }) => msg === "stopped").map(({ instance }) => instance),
    ).toHaveLength(2);
  });

  it("its instances do not outlive it when it is killed while they start", async ({ expect }) => {
    const scene = await setScene("sqlite");
    const supervisor = scene.host.spawn([]);
    const pids = await Promise.all(
      ["primary", "backup"].map(async (name) => Number((await supervisor.line(started(name))).pid)),
    );
    await expectNoneOutlives(expect, supervisor, pids);
  });
});

async function expectNoneOutlives(expect: ExpectStatic, supervisor: AppProcess, pids: number[]) {
  await supervisor.kill("SIGKILL");
  try {
    await expect.poll(() => pids.filter(isRunning)).toEqual([]);
  } finally {
    for (const pid of pids.filter(isRunning)) process.kill(pid, "SIGKILL");
  }
}

describe.concurrent("a second process under an instance's name", () => {
  it("refuses to start and says why, while the first goes on", async ({ expect }) => {
    const { host } = await setScene("sqlite");
    await host.start("primary");
    const second = host.spawn(["--instance", "primary"]);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.output).toContain("an instance named primary already runs on this host");
    await host.untilReady("primary");
  });

  it("starts at once after the first was killed: nothing stale has to be removed", async () => {
    const { host } = await setScene("sqlite");
    await (await host.start("primary")).kill("SIGKILL");
    await host.start("primary");
    await host.untilReady("primary");
  });
});

describe.concurrent("without what it needs", () => {
  const NO_CREDENTIALS = { APP_ID: undefined, PRIVATE_KEY: undefined, WEBHOOK_SECRET: undefined };

  it("an instance names every missing credential and where to get it", async ({ expect }) => {
    const { host, github } = await setScene("sqlite");
    const process = host.spawn(["--instance", "primary"], NO_CREDENTIALS);
    expect(await process.ended).toEqual({ code: UNUSABLE, signal: null });
    expect(process.output).toContain("3 problems");
    for (const name of ["APP_ID", "PRIVATE_KEY", "WEBHOOK_SECRET"]) {
      const line = process.output.split("\n").find((text) => text.includes(`environment: ${name}:`));
      expect(line).toContain("got nothing");
      expect(line).toContain(`${github.url}/settings/apps`);
    }
    // No instance was started, only to be started again for ever.
    expect(process.output).not.toContain("instance started");
  });

  it("an instance whose name the configuration lacks is refused, with the names that there are", async ({
    expect,
  }) => {
    const { host } = await setScene("sqlite");
    const process = host.spawn(["--instance", "prymary"]);
    expect(await process.ended).toEqual({ code: UNUSABLE, signal: null });
    expect(process.output).toContain("expected primary or backup, got prymary");
  });

  it("an option that does not exist is refused with the usage", async ({ expect }) => {
    const { host } = await setScene("sqlite");
    const process = host.spawn(["--instances", "primary"]);
    expect(await process.ended).toEqual({ code: UNUSABLE, signal: null });
    expect(process.output).toContain("Usage:");
  });
});

describe.concurrent("node app/main.ts --check", () => {
  it("ends with 0 where everything is right, and starts nothing", async ({ expect }) => {
    const { host } = await setScene("sqlite");
    const check = host.spawn(["--check"]);
    expect(await check.ended).toEqual({ code: 0, signal: null });
    expect(check.output).toContain("2 instances, 1 target");
    await expect(fetch(host.url("primary", "/livez"))).rejects.toThrow();
  });
});
