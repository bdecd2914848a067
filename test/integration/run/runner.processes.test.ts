import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { identify, isAlive } from "../../../app/run/process-identity.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { awayGitHub } from "../../helpers/away-github.ts";
import { ENGINES, newDatabaseUrl } from "../../helpers/stores.ts";
import { TestHost } from "../../helpers/test-host.ts";

/** The stores have their turns at the same time; the tests on one share its host, and have theirs in order. */
const it = test.sequential;

const SCRIPTS: Record<string, string> = {
  environment:
    'env; echo "stdin: $(cat | wc -c)"; cat "$TWINHOOK_PAYLOAD_FILE"; stat -c " mode %a" "$TWINHOOK_PAYLOAD_FILE"; pwd',
  streams: "for i in 1 2 3 4 5; do echo out$i; echo err$i >&2; done; echo direct > /dev/stderr; echo last",
  bytes: String.raw`printf 'a\377\376b\0c\n'; head -c 300000 /dev/zero | tr '\0' x; echo; echo end`,
  flood: "yes 0123456789 | head -c 8000000; echo; echo the-end",
  daemon: 'nohup sleep 47 & echo $! > "$PID_FILE"; echo begun',
  slow: 'echo $$ > "$PID_FILE"; sleep 60 & sleep 60; echo never',
  stubborn: 'trap "" TERM; echo $$ > "$PID_FILE"; echo stubborn; while true; do sleep 0.1; done',
  failing: "echo before; exit 7",
  signalled: "kill -9 $$",
  twice: 'if [ "$TWINHOOK_ATTEMPT" = 1 ]; then exit 1; fi; echo better',
};

describe.concurrent.each(ENGINES)("a deployment's command on %s", (engine) => {
  let host: TestHost;
  let run = 50_000_000;
  const pidFile = (name: string) => join(host.directory, `${name}.pid`);
  const pidOf = (name: string) => Number(readFileSync(pidFile(name), "utf8"));

  beforeAll(async () => {
    const store = await newDatabaseUrl(engine);
    const environment = (name: string) => `${engine}-${name}`;
    host = await TestHost.create({
      github: awayGitHub(),
      ...(store ? { store } : {}),
      instances: ["primary"],
      // The instance's environment holds secrets; the command must see none of them.
      env: { SECRET_OF_THE_APP: "do-not-show", HANDED_ON: "handed on", LC_ALL: "C", TZ: "Asia/Tokyo" },
      targets: [],
    });
    const directory = host.siteDirectory;
    const targets = Object.keys(SCRIPTS).map((name) => ({
      repository: "acme/site",
      environment: environment(name),
      name,
      workflow: ".github/workflows/ci.yml",
      run: [`./${name}.sh`, "an argument with $HOME and `spaces`"],
      directory,
      env: { PID_FILE: pidFile(name), FROM_CONFIG: "configured" },
      pass_env: ["HANDED_ON"],
      queue: "all",
      approval: "none",
      share_log: true,
      timeout: name === "stubborn" ? "1s" : "1m",
      action: { secret_env: "SITE_DELIVERY_SECRET" },
    }));
    for (const [name, script] of Object.entries(SCRIPTS)) {
      writeFileSync(join(directory, `${name}.sh`), `#!/bin/sh\n${script}\n`);
      chmodSync(join(directory, `${name}.sh`), 0o755);
    }
    const text = readFileSync(host.configFile, "utf8").replace(
      "targets: []",
      `targets: ${JSON.stringify(targets)}`,
    );
    writeFileSync(host.configFile, text);
    await host.start("primary");
  });
  afterAll(() => host.close());

  async function deploy(name: string, changes: Record<string, unknown> = {}): Promise<Deployment> {
    const answer = await host.request("primary", {
      repository: "acme/site",
      environment: `${engine}-${name}`,
      run_id: ++run,
      run_attempt: 1,
      sha: "c".repeat(40),
      ref: "refs/heads/main",
      workflow: ".github/workflows/ci.yml",
      ...changes,
    });
    return (await answer.json()) as Deployment;
  }
  const ended = (id: string) => host.deployment("primary", id, (d) => d.finished_at !== null);
  const logOf = async (id: string, query = "") =>
    (await host.admin("primary", "GET", `/api/deployments/${id}/log${query}`)).text();

  it("sees what the design lists, and none of the App's secrets", async ({ expect }) => {
    const { id } = await ended((await deploy("environment", { payload: { version: "1.2.3" } })).id);
    const log = await logOf(id);
    const names = [...log.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name).sort();
    // PWD and SHLVL are the shell's own; some shells add an underscore.
    expect(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name ?? ""))).toEqual(
      [
        "FROM_CONFIG",
        "HANDED_ON",
        "HOME",
        "LC_ALL",
        "PATH",
        "PID_FILE",
        "TWINHOOK_ATTEMPT",
        "TWINHOOK_DEPLOYMENT_ID",
        "TWINHOOK_ENVIRONMENT",
        "TWINHOOK_PAYLOAD_FILE",
        "TWINHOOK_REF",
        "TWINHOOK_REPOSITORY",
        "TWINHOOK_RUN_ATTEMPT",
        "TWINHOOK_RUN_ID",
        "TWINHOOK_SHA",
        "TWINHOOK_TARGET",
        "TZ",
      ].sort(),
    );
    expect(log).toContain(`TWINHOOK_DEPLOYMENT_ID=${id}`);
    expect(log).toContain("stdin: 0");
    expect(log).toContain('{"version":"1.2.3"} mode 600');
    expect(log).toContain(host.siteDirectory);
    expect(log).not.toContain("do-not-show");
    // What the instance hands on is masked.
    expect(log).toContain("\nHANDED_ON=***\n");
  });

  it("has standard output and standard error kept in their order, /dev/stderr included", async ({
    expect,
  }) => {
    const { id } = await ended((await deploy("streams")).id);
    const pairs = [1, 2, 3, 4, 5].map((i) => `out${i}\nerr${i}\n`).join("");
    expect(await logOf(id)).toBe(`${pairs}direct\nlast\n`);
    expect(await logOf(id, "?timestamps=1")).toMatch(/^(\d{4}-\d\d-\d\dT[\d:.]+Z \w+\n){12}$/);
  });

  it("may print bytes that are no text, and lines without end", async ({ expect }) => {
    const { id, status } = await ended((await deploy("bytes")).id);
    expect(status).toBe("succeeded");
    const log = await logOf(id);
    expect(log).toContain("a\uFFFD\uFFFDb\uFFFDc\n");
    expect(log).toContain(`${"x".repeat(300_000)}\nend\n`);
  });

  it("may print without measure: the beginning and the end are kept, with a word on what is not", async ({
    expect,
  }) => {
    const { id } = await ended((await deploy("flood")).id);
    const log = await logOf(id);
    expect(log.length).toBeLessThan(1.3 * 1024 * 1024);
    expect(log).toMatch(/^0123456789\n/);
    expect(log).toMatch(/\[twinhook\] \d{7} bytes of output are left out here/);
    expect(log).toMatch(/the-end\n$/);
  });

  it("may leave a daemon behind, which is left alone and holds up nothing", async ({ expect }) => {
    const first = await ended((await deploy("daemon")).id);
    const daemon = identify(pidOf("daemon"));
    expect(first).toMatchObject({ status: "succeeded", log_tail: expect.stringContaining("begun") });
    // The lock is free again although the daemon runs on.
    const second = await ended((await deploy("daemon")).id);
    expect(second.status).toBe("succeeded");
    expect(daemon && isAlive(daemon)).toBe(true);
    for (const pid of [daemon?.pid, pidOf("daemon")]) if (pid) process.kill(pid, "SIGKILL");
  });

  it("that fails shows its exit code, and one that is killed the signal", async ({ expect }) => {
    expect(await ended((await deploy("failing")).id)).toMatchObject({
      status: "failed",
      exit_code: 7,
      reason: "the command exited with code 7",
      log_tail: "before",
    });
    expect(await ended((await deploy("signalled")).id)).toMatchObject({
      status: "failed",
      exit_code: 137,
      reason: "the command was ended by SIGKILL",
    });
  });

  it("is run again by a retry, as the next attempt of the same deployment", async ({ expect }) => {
    const { id } = await ended((await deploy("twice")).id);
    expect((await host.admin("primary", "POST", `/api/deployments/${id}/retry`)).status).toBe(202);
    const again = await host.deployment("primary", id, (d) => d.status === "succeeded");
    expect(again.attempt).toBe(2);
    expect((await host.admin("primary", "POST", `/api/deployments/${id}/retry`)).status).toBe(409);
  });

  it("is ended with everything in its process group when it is cancelled", async ({ expect }) => {
    const { id } = await deploy("slow");
    await host.deployment("primary", id, (d) => d.status === "running");
    const follow = logOf(id, "?follow=1");
    await expect.poll(() => existsSync(pidFile("slow")) && pidOf("slow") > 0).toBe(true);
    const shell = identify(pidOf("slow"));
    expect((await host.admin("primary", "POST", `/api/deployments/${id}/cancel`)).status).toBe(202);
    const cancelled = await ended(id);
    expect(cancelled).toMatchObject({ status: "cancelled", reason: "cancelled while it ran" });
    expect(shell && isAlive(shell)).toBe(false);
    expect(groupIsEmpty(pidOf("slow"))).toBe(true);
    expect(await follow).toMatch(/\[twinhook\] cancelled while it ran; ending the command/);
    expect((await host.admin("primary", "POST", `/api/deployments/${id}/cancel`)).status).toBe(409);
  });

  it("is ended at its time limit, by force if it ignores the request", async ({ expect }) => {
    const { id } = await deploy("stubborn");
    const failed = await ended(id);
    expect(failed).toMatchObject({ status: "failed", reason: "the time limit of 1 s was reached" });
    expect(groupIsEmpty(pidOf("stubborn"))).toBe(true);
  });

  it("is ended and run again when its runner dies", async ({ expect }) => {
    const { id } = await deploy("slow");
    const atWork = () => host.busyRunners()[0];
    await expect.poll(atWork).toBeDefined();
    const entry = atWork();
    if (!entry?.command) throw new Error("no runner is at work");
    process.kill(entry.runner.pid, "SIGKILL");
    const again = await host.deployment("primary", id, (d) => d.status === "running" && d.attempt === 2);
    expect(again.reason).toMatch(/interrupted: its worker process ended; it is run again/);
    expect(groupIsEmpty(entry.command.pid)).toBe(true);
    await host.admin("primary", "POST", `/api/deployments/${id}/cancel`);
    await ended(id);
  });

  it("that cannot be started fails with the cause", async ({ expect }) => {
    const script = join(host.siteDirectory, "failing.sh");
    chmodSync(script, 0o644);
    const failed = await ended((await deploy("failing")).id);
    chmodSync(script, 0o755);
    expect(failed).toMatchObject({
      status: "failed",
      reason: expect.stringMatching(/could not be started: .*EACCES/),
    });
  });

  it("leaves no file behind once it has ended", async ({ expect }) => {
    const { id } = await deploy("streams");
    await ended(id);
    await expect
      .poll(() =>
        readdirSync(join(host.stateDirectory, "runs")).filter((name) => name.endsWith(".payload.json")),
      )
      .toEqual([]);
    expect(host.busyRunners()).toEqual([]);
  });

  it("is never taken for another process that was given its pid", ({ expect }) => {
    const registry = new RunRegistry(host.stateDirectory);
    const own = identify(process.pid);
    if (!own) throw new Error("this process is not to be found");
    for (const changed of [{ startTime: "1" }, { bootId: "another boot" }, { pidNamespace: "pid:[1]" }])
      expect(isAlive({ ...own, ...changed })).toBe(false);
    expect(isAlive(own)).toBe(true);
    registry.write({ holder: "run_x", runner: own, command: null });
    expect(statSync(join(host.stateDirectory, "runs", "run_x.json")).mode & 0o777).toBe(0o600);
    registry.remove("run_x");
    expect(registry.read("run_x")).toBeUndefined();
  });
});

function groupIsEmpty(leader: number): boolean {
  try {
    process.kill(-leader, 0);
  } catch {
    return true;
  }
  // Zombies that nobody has waited for yet are no processes any more.
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .every((pid) => {
      try {
        const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /, "")
          .split(" ");
        return fields[2] !== String(leader) || fields[0] === "Z";
      } catch {
        return true;
      }
    });
}
