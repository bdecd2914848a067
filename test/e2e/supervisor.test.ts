import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it, vi } from "vitest";
import { atTestEnd } from "../helpers/at-test-end.ts";
import type { AppProcess, LogLine } from "../helpers/process.ts";
import { deliverRun, type Scene, setScene, shownAs } from "./twins.ts";

// Most of the time goes into starting processes, which gets no faster with more of them at once.
vi.setConfig({ maxConcurrency: 4 });

/** The exit code for what no restart will mend. */
const UNUSABLE = 78;

const started = (name: string) => (line: LogLine) => line.msg === "instance started" && line.name === name;
const listening = (name: string) => (line: LogLine) => line.msg === "listening" && line.instance === name;

/** Starts what `npm start` starts, and resolves with the pids of both instances once they listen. */
async function startAll({ host }: Scene) {
  const supervisor = host.spawn([]);
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

describe("npm start", () => {
  it("starts an instance again that was killed, and says so in the log", async ({ expect }) => {
    const scene = await setScene("sqlite");
    const { supervisor, primary } = await startAll(scene);
    process.kill(primary, "SIGKILL");
    const died = await supervisor.line(
      ({ msg, name }) => msg?.startsWith("instance died") === true && name === "primary",
    );
    expect(died).toMatchObject({ level: "error", signal: "SIGKILL" });
    expect(died.msg).toContain("restart in");
    const again = await supervisor.line((line) => started("primary")(line) && line.pid !== primary);
    await expect.poll(() => supervisor.lines.filter(listening("primary")).length).toBe(2);
    expect(isRunning(Number(again.pid))).toBe(true);
    expect(await scene.host.untilReady("primary")).toEqual({ instance: "primary", status: "ready" });
  });

  it("tells systemd that it is ready once both instances listen, that it lives, and that it stops", async ({
    expect,
  }) => {
    const scene = await setScene("sqlite");
    const told = join(scene.host.directory, "told");
    const program = join(scene.host.directory, "systemd-notify");
    writeFileSync(program, `#!/bin/sh\necho "$1" >> ${told}\n`, { mode: 0o755 });
    writeFileSync(told, "");
    const messages = () => readFileSync(told, "utf8").trimEnd().split("\n");
    const supervisor = scene.host.spawn([], {
      PATH: `${scene.host.directory}:${process.env.PATH}`,
      NOTIFY_SOCKET: "/run/systemd/notify",
      WATCHDOG_USEC: "300000",
    });
    for (const name of ["primary", "backup"]) await supervisor.line(listening(name));
    await expect.poll(messages).toContain("WATCHDOG=1");
    await supervisor.kill("SIGTERM");
    await expect.poll(messages).toContain("STOPPING=1");
    // The instances do not speak for the service.
    for (const message of ["READY=1", "STOPPING=1"])
      expect(messages().filter((one) => one === message)).toHaveLength(1);
    expect(messages()).toContain("STATUS=2 of 2 instances have started");
  });

  it("tells the others that an instance refused its configuration", async ({ expect }) => {
    const scene = await setScene("sqlite");
    const { host } = scene;
    const { supervisor, primary } = await startAll(scene);
    writeFileSync(host.configFile, "instances: none");
    process.kill(primary, "SIGKILL");
    await supervisor.line(({ name, exitCode }) => name === "primary" && exitCode === UNUSABLE);
    const reason = async () => {
      const status = await (await host.admin("backup", "GET", "/api/status")).json();
      return (status as { endpoints: { name: string; reason: string }[] }).endpoints[0]?.reason;
    };
    await expect.poll(reason).toContain("it refused its configuration (exit code 78)");
  });

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

  it("stops both on SIGTERM and ends with 0, while a running deployment goes on and is recorded", async ({
    expect,
  }) => {
    const scene = await setScene("sqlite", { targets: [{ env: { UNTIL_FILE: "go-on" } }] });
    const { host } = scene;
    const first = await startAll(scene);
    const id = await beginDeployment(scene, first);
    await expect.poll(() => host.trace().length).toBe(1);
    const urlChanges = () =>
      scene.github.requests.filter(({ method, path }) => method === "PATCH" && path === "/app/hook/config");
    const before = urlChanges().length;
    expect(await first.supervisor.kill("SIGTERM")).toEqual({ code: 0, signal: null });
    expect([first.primary, first.backup].map(isRunning)).toEqual([false, false]);
    // Nobody takes the place of one that stops, since all stop.
    expect(urlChanges()).toHaveLength(before);
    expect(first.supervisor.output).not.toContain("switchover");
    expect(host.trace().map(({ what }) => what)).toEqual(["start"]);
    expect(host.busyRunners()).toHaveLength(1);
    writeFileSync(join(host.siteDirectory, "go-on"), "");

    await expect.poll(() => host.busyRunners()).toEqual([]);
    const next = await startAll(scene);
    const [recorded] = await host.deployments("backup");
    expect(recorded).toMatchObject({ id, status: "succeeded", exit_code: 0, attempt: 1 });
    expect(host.trace().map(({ what }) => what)).toEqual(["start", "end"]);
    await shownAs(scene, "success");
    await next.supervisor.kill("SIGTERM");
  });

  it("started again while the deployment still runs: the new instances neither disturb nor repeat it", async ({
    expect,
  }) => {
    const scene = await setScene("sqlite", { targets: [{ env: { UNTIL_FILE: "go-on" } }] });
    const { host } = scene;
    const first = await startAll(scene);
    const id = await beginDeployment(scene, first);
    await first.supervisor.kill("SIGTERM");
    await startAll(scene);
    expect(host.busyRunners()).toHaveLength(1);
    writeFileSync(join(host.siteDirectory, "go-on"), "");
    const ended = await host.deployment("backup", id, ({ status }) => status !== "running");
    expect(ended).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(host.trace().map(({ what }) => what)).toEqual(["start", "end"]);
    await shownAs(scene, "success");
  });

  it.for(["once they listen", "while they start"])(
    "its instances do not outlive it when it is killed %s",
    async (when, { expect }) => {
      const scene = await setScene("sqlite");
      const supervisor = scene.host.spawn([]);
      const pids = await Promise.all(
        ["primary", "backup"].map(async (name) => {
          if (when === "once they listen") await supervisor.line(listening(name));
          return Number((await supervisor.line(started(name))).pid);
        }),
      );
      await supervisor.kill("SIGKILL");
      try {
        await expect.poll(() => pids.filter(isRunning)).toEqual([]);
      } finally {
        for (const pid of pids.filter(isRunning)) process.kill(pid, "SIGKILL");
      }
    },
  );
});

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
