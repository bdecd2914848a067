import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type ExpectStatic, it, vi } from "vitest";
import { parse, stringify } from "yaml";
import { AheadClock } from "../helpers/ahead-clock.ts";
import { alertsOfHostAreDueAtOnce } from "../helpers/alerts/due-at-once.ts";
import { Receivers, type SentAlert } from "../helpers/alerts/receivers.ts";
import { atTestEnd } from "../helpers/at-test-end.ts";
import { eventually } from "../helpers/eventually.ts";
import { Gate } from "../helpers/gate.ts";
import { holdStore } from "../helpers/hold-store.ts";
import { ENGINES, type Engine } from "../helpers/stores.ts";
import type { TestHost } from "../helpers/test-host.ts";
import { PATIENT } from "../helpers/thresholds.ts";
import { type How, type Status, setFailoverScene } from "./failover-scene.ts";
import { firstLooksAreOver, setScene } from "./twins.ts";

// Most of the time goes into waiting.
vi.setConfig({ maxConcurrency: 3 });

const BROKEN = ".github/workflows/broken.yml";

/**
 * Twins with a channel of every type, on which alerts come without delay; the target `broken` fails until there is a
 * file `mended`.
 */
async function setup(expect: ExpectStatic, engine: Engine, { inProcess = [], clock, ...config }: Setup = {}) {
  const receivers = await Receivers.start();
  const scene = await setFailoverScene(
    engine,
    {
      config: { alerts: receivers.alerts, ...config },
      env: receivers.env,
      targets: [{}, { name: "broken", workflow: BROKEN, run: ["test", "-e", "mended"] }],
    },
    { inProcess, ...(clock && { clock }) },
  );
  await alertsOfHostAreDueAtOnce(scene.host);
  atTestEnd(() => noSecretIsLogged(expect, scene.host, receivers));
  return { scene, receivers, github: scene.github, host: scene.host };
}

interface Setup extends How {
  failover?: object;
  dead_mans_switch?: object;
}

function noSecretIsLogged(expect: ExpectStatic, { started }: TestHost, { env }: Receivers): void {
  for (const { output } of started)
    for (const secret of [...Object.values(env), "secret-of-", "mail-password"])
      expect(output).not.toContain(secret);
}

const is =
  (kind: string, state: string) =>
  (alert: SentAlert): boolean =>
    alert.kind === kind && alert.state === state;

/**
 * Everything that was told, and of what: no more may be told than what happened. On a busy machine a commit may take
 * so long that the store is told of as well.
 */
const told = (receivers: Receivers): string[] =>
  receivers
    .alertsTaken()
    .filter(({ kind }) => kind !== "store_not_writable")
    .map(({ kind, state, subject }) => `${kind} ${state} ${subject}`.trim())
    .toSorted();

/** What everyone must be able to read in an alert. */
function expectComplete(expect: ExpectStatic, alert: SentAlert): void {
  for (const text of [alert.title, alert.cause, alert.effect, alert.remedy]) expect(text).toMatch(/\S{2}/);
  expect(Date.parse(alert.since)).toBeGreaterThan(0);
  expect(alert.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\//);
}

/** Nothing that passes by a test's clock ends a lease. */
const LASTING_LEASE = { lease_ttl: "10m" };

/** Twins behind gates of their own, seen as healthy by each other. Nobody reaches one whose gate is shut. */
async function setupBehindGates() {
  const receivers = await Receivers.start();
  const { host, github } = await setScene("sqlite", {
    config: { alerts: receivers.alerts, failover: { ...PATIENT, ...LASTING_LEASE } },
    env: receivers.env,
  });
  const gates = await Promise.all(
    Object.values(host.urls).map((url) => Gate.open(Number(new URL(url).port))),
  );
  const config = parse(readFileSync(host.configFile, "utf8")) as { instances: { url: string }[] };
  for (const [index, instance] of config.instances.entries()) instance.url = gates[index]?.url ?? "";
  writeFileSync(host.configFile, stringify(config));
  const clock = new AheadClock();
  const untilStatus = (holds: (status: Status) => boolean) =>
    eventually(async () => {
      const status = (await (await host.admin("primary", "GET", "/api/status")).json()) as Status;
      if (!holds(status)) throw new Error(`not all is well yet: ${JSON.stringify(status)}`);
    });
  await host.startInProcess("primary", {}, clock);
  await untilStatus(({ active }) => active === "primary");
  await host.startInProcess("backup", {}, clock);
  const isUp = ({ seen_by }: Status["endpoints"][number]) =>
    seen_by.primary === "healthy" && seen_by.backup === "healthy";
  await untilStatus(
    ({ active, endpoints, webhook }) => active === "primary" && webhook.in_sync && endpoints.every(isUp),
  );
  await alertsOfHostAreDueAtOnce(host);
  return { receivers, github, gates: gates as [Gate, Gate], clock };
}

describe.concurrent("people are told", () => {
  it("that someone changed the webhook, and that it is right again", async ({ expect }) => {
    const clock = new AheadClock();
    const { receivers, github, scene } = await setup(expect, "sqlite", {
      ...{ inProcess: "all", clock, failover: LASTING_LEASE },
    });
    await scene.until("primary", ({ webhook }) => webhook.in_sync);
    github.hook.config.url = "https://elsewhere.example.com/hook";
    const changed = await clock.until(receivers.alert(is("webhook_out_of_sync", "firing")));
    expectComplete(expect, changed);
    expect(changed.cause).toContain("https://elsewhere.example.com/hook");
    await receivers.alert(is("webhook_out_of_sync", "resolved"));
    expect(told(receivers)).toEqual(["webhook_out_of_sync firing", "webhook_out_of_sync resolved"]);
  });

  it("that GitHub does not take the new address, and when it has", async ({ expect }) => {
    const { receivers, github, gates, clock } = await setupBehindGates();
    const fault = github.faults.add({ kind: "status", status: 503 }, { route: "PATCH /app/hook/config" });
    gates[0].shut();
    const failover = await receivers.alert(is("failover", "firing"));
    expect(failover.effect).toContain("GitHub has not taken the new address yet");
    const outOfSync = await clock.until(receivers.alert(is("webhook_out_of_sync", "firing")));
    expectComplete(expect, outOfSync);
    expect(outOfSync.cause).toMatch(/^GitHub has not taken http.*; last it had http/);
    fault.clear();
    await receivers.alert(is("webhook_out_of_sync", "resolved"));
  });

  it("that no instance can be reached, by one that is cut off from the world itself", async ({ expect }) => {
    const { receivers, gates, clock } = await setupBehindGates();
    for (const gate of gates) gate.shut();
    const down = await receivers.alert(is("all_down", "firing"));
    expect(down.title).toBe("No instance can be reached at its public address");
    expect(down.cause).toMatch(/primary: .*; backup: /);
    for (const gate of gates) gate.open();
    await clock.until(receivers.alert(is("all_down", "resolved")));
    const all = receivers.alertsTaken().filter(({ kind }) => kind === "all_down");
    expect(all).toMatchObject([{ state: "firing" }, { state: "resolved" }]);
  });

  it("when the dead man's switch is called no more, which is as long as anyone controls", async ({
    expect,
  }) => {
    const { receivers, scene } = await setup(expect, "sqlite", {
      ...{ inProcess: "all", dead_mans_switch: { url_env: "DEAD_MANS_URL", interval: "200ms" } },
    });
    const calls = () => receivers.taken("ping").length;
    const next = (count: number) => receivers.http.posts.first(() => calls() >= count);
    await next(3);
    const { controller } = await scene.status("primary");
    await scene.instance(controller as string).kill();
    await next(calls() + 3);
    await scene.instance(controller === "primary" ? "backup" : "primary").kill();
    const last = calls();
    await expect(receivers.http.posts.first(() => calls() > last + 1, 1_000)).rejects.toThrow(
      "within 1000 ms",
    );
  });

  it("of a test when the admin asks for one, and of nothing when no channel is configured", async ({
    expect,
  }) => {
    const { receivers, host } = await setup(expect, "sqlite", { inProcess: "all" });
    const answer = await host.admin("backup", "POST", "/api/alerts/test");
    expect(answer.status).toBe(202);
    expect(((await answer.json()) as { channels: string[] }).channels).toHaveLength(5);
    const test = await receivers.alert(({ kind }) => kind === "test");
    expect(test.cause).toBe("admin token asked for it.");
    await receivers.mailWith("This is a test alert");
    const stranger = await fetch(host.url("backup", "/api/alerts/test"), { method: "POST" });
    expect(stranger.status).toBe(401);

    const silent = await setScene("sqlite");
    await silent.host.startInProcess("primary");
    expect((await silent.host.admin("primary", "POST", "/api/alerts/test")).status).toBe(409);
  });

  it("of a deployment that failed, and of the one that made it good", async ({ expect }) => {
    const { receivers, github, host, scene } = await setup(expect, "sqlite", { inProcess: "all" });
    // These might find the run before its event is on record.
    await firstLooksAreOver(scene.scene, "primary");
    const send = () =>
      host.sendEvent(
        "backup",
        github.completeRun({ repository: "acme/site", path: BROKEN, send: false }).event,
      );
    await send();
    const failed = await receivers.alert(is("deployment_failed", "firing"));
    expectComplete(expect, failed);
    expect(failed.title).toBe("Deployment failed: broken of acme/site");
    expect(failed.cause).toContain("the command exited with code 1");
    expect(failed.url).toMatch(/\/deployments\/dep_/);
    writeFileSync(join(host.siteDirectory, "mended"), "");
    await send();
    await receivers.alert(is("deployment_failed", "resolved"));
    expect(told(receivers)).toEqual([
      "deployment_failed firing broken of acme/site",
      "deployment_failed resolved broken of acme/site",
    ]);
    const [issue, ...others] = github
      .repository("acme/site")
      .issues.filter(({ title }) => title.startsWith("Deployment failed"));
    expect(others).toEqual([]);
    await github.waitFor(() => issue?.state === "closed");
  });

  it("that requests had not arrived and were found at GitHub", async ({ expect }) => {
    const { receivers, github, host, scene } = await setup(expect, "sqlite", { inProcess: "all" });
    // These would find the run, too.
    await firstLooksAreOver(scene.scene, "primary");
    const { active } = await scene.status("primary");
    github.hook.config.secret = "not the secret of the instances";
    const sent = github.completeRun({ repository: "acme/site" });
    expect((await sent.delivery)?.status_code).toBe(401);
    await host.admin("primary", "POST", "/api/switchover", {
      to: active === "primary" ? "backup" : "primary",
    });
    const found = await receivers.alert(is("catch_up", "event"));
    expectComplete(expect, found);
    expect(found.title).toBe("1 request had not arrived, and was found at GitHub");
    await github.waitFor(() => github.repository("acme/site").issues.find(({ state }) => state === "closed"));
    expect(told(receivers)).toEqual(["catch_up event catch_up"]);
  });
});

describe.concurrent.each(ENGINES)("people are told, on %s", (engine) => {
  it("of a failover, of the instance that was lost, and of both being over, once and on every channel", async ({
    expect,
  }) => {
    const { scene, receivers, github } = await setup(expect, engine, { inProcess: ["backup"] });
    await scene.process("primary").kill("SIGKILL");
    const failover = await receivers.alert(is("failover", "firing"));
    expectComplete(expect, failover);
    expect(failover.title).toBe("Failover: backup takes the place of primary");
    expect(failover.cause).toContain("its process is gone");
    const lost = await receivers.alert(is("instance_lost", "firing"));
    expectComplete(expect, lost);
    expect(lost.subject).toBe("primary");
    await receivers.mailWith("Failover: backup takes the place of primary");
    const issue = await github.waitFor(() =>
      github.repository("acme/site").issues.find(({ title }) => title.startsWith("Failover")),
    );
    expect(issue.state).toBe("open");

    await scene.start("primary");
    await receivers.alert(is("instance_lost", "resolved"));
    const recovery = await receivers.alert(is("failover", "resolved"));
    expect(recovery.title).toBe("Recovery: GitHub delivers to primary again");
    await receivers.mailWith("Recovery");
    await github.waitFor(() => issue.state === "closed");
    expect(issue.comments).toHaveLength(1);

    expect(told(receivers)).toEqual([
      "failover firing",
      "failover resolved",
      "instance_lost firing primary",
      "instance_lost resolved primary",
    ]);
    for (const type of ["slack", "discord"] as const) {
      const texts = receivers.taken(type).map(({ text }) => text);
      expect(texts.filter((text) => text.includes("takes the place of"))).toHaveLength(1);
      expect(texts.filter((text) => text.includes("Recovery"))).toHaveLength(1);
    }
    const mails = receivers.mail.mails.all.map(({ text }) => text);
    expect(mails.filter((text) => text.includes("takes the place of"))).toHaveLength(1);
    expect(mails.filter((text) => text.includes("Recovery"))).toHaveLength(1);
  });

  it("that the store cannot be written to, by one of the instances, and that it can again", async ({
    expect,
  }) => {
    const { receivers, host } = await setup(expect, engine, { inProcess: "all" });
    const release = await holdStore(host);
    const firing = await receivers.alert(is("store_not_writable", "firing"));
    expectComplete(expect, firing);
    expect(firing.cause).toMatch(/^(primary|backup): the store cannot commit/);
    await receivers.mailWith("The store cannot be written to");
    await release();
    await receivers.alert(is("store_not_writable", "resolved"));
    const states = receivers
      .alertsTaken()
      .filter(({ kind }) => kind === "store_not_writable")
      .map(({ state }) => state);
    // Without a store the instances cannot agree on who tells it, so that both may.
    expect(states.filter((state) => state === "firing").length).toBeLessThanOrEqual(2);
    expect(states.at(-1)).toBe("resolved");
  });
});

describe.concurrent.each(ENGINES)("an alert, on %s", (engine) => {
  it("survives the instances that were about to tell it", async ({ expect }) => {
    const { receivers, host, scene } = await setup(expect, engine);
    receivers.http.answer = null;
    await receivers.mail.goDown();
    expect((await host.admin("primary", "POST", "/api/alerts/test")).status).toBe(202);
    await receivers.http.posts.first(({ path }) => path.startsWith("/slack/"));
    await Promise.all(["primary", "backup"].map((name) => scene.process(name).kill("SIGKILL")));
    receivers.http.answer = { status: 200 };
    await receivers.mail.comeUp();
    await scene.start("backup");
    await receivers.alert(({ kind }) => kind === "test");
    await receivers.http.posts.first(() => receivers.taken("slack").length > 0);
    await receivers.mailWith("This is a test alert");
    const tests = (texts: string[]) => texts.filter((text) => text.includes("This is a test alert"));
    expect(tests(receivers.taken("slack").map(({ text }) => text))).toHaveLength(1);
    expect(tests(receivers.taken("hook").map(({ text }) => text))).toHaveLength(1);
  });
});
