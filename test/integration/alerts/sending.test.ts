import { pino } from "pino";
import { describe, it } from "vitest";
import { AlertSender } from "../../../app/alerts/alert-sender.ts";
import { channelsOf } from "../../../app/alerts/channels/channels.ts";
import { makeMessages, nextDigest, TOGETHER_MS } from "../../../app/alerts/digest.ts";
import { systemClock } from "../../../app/clock.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { githubApp } from "../../../app/github/app.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { claimOutbox, completeOutbox } from "../../../app/outbox/outbox-lease.ts";
import { closeCondition, openCondition, raiseAlert } from "../../../app/queue/raise-alert.ts";
import type { Store } from "../../../app/store/store.ts";
import { alertsAreDueAtOnce } from "../../helpers/alerts/due-at-once.ts";
import { Receivers } from "../../helpers/alerts/receivers.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const OUTBOX = { name: "alert_outbox", line: "channel" } as const;
const instances = [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }];
const lost = (subject: string) => ({
  kind: "instance_lost" as const,
  subject,
  facts: { reason: `the process of ${subject} is gone` },
});
const lose = (store: Store, subject: string) =>
  store.write((trx) => openCondition(trx, store, lost(subject)));
const regain = (store: Store, subject: string) =>
  store.write((trx) => closeCondition(trx, store, lost(subject)));

/** A store and receivers of every type, and senders as instances have them. */
async function setup(engine: Engine, kinds?: Record<string, string[]>) {
  const github = await startGitHub();
  atTestEnd(() => github.close());
  const repository = github.addRepository("acme/site");
  const receivers = await Receivers.start();
  const store = await newStore(engine);
  const log: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(line) });
  const { environment } = readEnvironment(github.environment());
  const alerts = configSchema.parse({
    instances,
    alerts: receivers.alerts.map((alert) => ({ ...alert, kinds: kinds?.[alert.type] })),
  }).alerts;
  const channels = (env: NodeJS.ProcessEnv = receivers.env) =>
    channelsOf(
      alerts,
      env,
      new RepositoryAccess(() => githubApp(environment, github.app.webhookSecret, logger)),
    );
  const start = async (instance: string, env?: NodeJS.ProcessEnv, only = channels(env)) => {
    const sender = new AlertSender({
      store,
      clock: systemClock,
      instance,
      holder: `${instance} ${Math.random()}`,
      channels: only,
      wording: {
        store,
        homeUrl: "https://deploy.example.com/",
        pageUrl: (id) => `https://deploy.example.com/deployments/${id}`,
      },
      onSent: () => {},
      onRetry: () => {},
      log: logger,
    });
    atTestEnd(() => sender.close());
    await sender.start();
    return sender;
  };
  const waiting = async () =>
    (await store.read.selectFrom("alert_outbox").select("channel").execute()).map(({ channel }) => channel);
  return { github, repository, receivers, store, start, channels, waiting, log };
}

describe.concurrent("a message that its receiver calls wrong", () => {
  it("is given up after five tries, and said so", async ({ expect }) => {
    const { receivers, store, start, log } = await setup("sqlite");
    receivers.http.answer = { status: 400, body: () => "invalid_blocks" };
    alertsAreDueAtOnce(store);
    await start("primary");
    await lose(store, "one");
    await expect
      .poll(
        () =>
          log.filter((line) => line.includes("gave up sending an alert: it answered 400: invalid_blocks"))
            .length,
      )
      .toBe(3);
  });

  it("is cleared away after a day also where its channel, and every other, is gone", async ({ expect }) => {
    const { store, waiting, start } = await setup("sqlite");
    const old = { created_at: 0, not_before: 0, attempts: 3, last_error: "410", holder: null, token: 0 };
    await store.write((trx) =>
      trx
        .insertInto("alert_outbox")
        .values({ ...old, channel: "slack GONE", body: "[1]", lease_until: null })
        .execute(),
    );
    await start("primary", {}, []);
    await expect.poll(waiting).toEqual([]);
  });

  it("is sent again when the receiver asks for, and not before", async ({ expect }) => {
    const { receivers, store, start } = await setup("sqlite");
    receivers.http.answer = { status: 429, headers: { "retry-after": "3" } };
    await start("primary");
    await lose(store, "one");
    const refused = await receivers.http.posts.first(({ path }) => path.startsWith("/hook/"));
    receivers.http.answer = { status: 200 };
    await receivers.alert(({ subject }) => subject === "one");
    const [taken] = receivers.taken("hook");
    expect((taken?.at ?? 0) - refused.at).toBeGreaterThanOrEqual(2_900);
  });
});

describe.concurrent.each(ENGINES)("alerts, on %s", (engine) => {
  it("are told once on every channel, although both twins send", async ({ expect }) => {
    const { github, repository, receivers, store, start, waiting } = await setup(engine);
    await Promise.all([start("primary"), start("backup")]);
    alertsAreDueAtOnce(store);
    await lose(store, "one");
    await receivers.mailWith("Instance lost: one");
    await github.waitFor(() => repository.issues.length === 1);
    await expect.poll(waiting).toEqual([]);
    for (const type of ["slack", "discord", "hook"] as const) expect(receivers.taken(type)).toHaveLength(1);
    expect(receivers.mail.mails.all).toHaveLength(1);
    expect(repository.issues).toHaveLength(1);
  });

  it("that come together are told together, and each is an issue of its own", async ({ expect }) => {
    const { github, repository, receivers, store, start } = await setup(engine);
    await start("primary");
    for (const name of ["one", "two", "three"]) await lose(store, name);
    const { text } = await receivers.http.posts.first(({ path }) => path.startsWith("/hook/"));
    expect((JSON.parse(text) as { data: { alerts: { subject: string }[] } }).data.alerts).toMatchObject([
      { subject: "one" },
      { subject: "two" },
      { subject: "three" },
    ]);
    const mail = await receivers.mailWith("Instance lost: three");
    expect(mail.source).toContain("and_2_more");
    await github.waitFor(() => repository.issues.length === 3);
    alertsAreDueAtOnce(store);
    await regain(store, "two");
    await github.waitFor(() => repository.issues[1]?.state === "closed");
    expect(repository.issues.map(({ state }) => state)).toEqual(["open", "closed", "open"]);
    expect(repository.issues[1]?.comments[0]?.body).toContain("Instance is back: two");
  });

  it("reach a receiver that was down, in order, and hold up no other", async ({ expect }) => {
    const { github, repository, receivers, store, start, waiting } = await setup(engine);
    await receivers.mail.goDown();
    github.faults.add({ kind: "status", status: 502 }, { route: "* /repos/*", times: 2 });
    receivers.http.answer = { status: 503, body: () => "down for a while" };
    await start("primary");
    alertsAreDueAtOnce(store);
    await lose(store, "one");
    await receivers.http.posts.first(({ path }) => path.startsWith("/hook/"));
    await github.waitFor(() => repository.issues.length === 1);
    await regain(store, "one");
    await expect.poll(async () => (await waiting()).length).toBeGreaterThanOrEqual(8);
    receivers.http.answer = { status: 200 };
    await receivers.mail.comeUp();
    await receivers.mailWith("Instance is back: one");
    await receivers.alert(({ state }) => state === "resolved");
    await expect.poll(waiting).toEqual([]);
    for (const type of ["slack", "discord"] as const) {
      const [first, second, ...others] = receivers.taken(type).map(({ text }) => text);
      expect(first).toContain("Instance lost");
      expect(second).toContain("Instance is back");
      expect(others).toEqual([]);
    }
    expect(receivers.alertsTaken().map(({ state }) => state)).toEqual(["firing", "resolved"]);
    expect(receivers.mail.mails.all).toHaveLength(2);
    await github.waitFor(() => repository.issues[0]?.state === "closed");
    expect(repository.issues).toHaveLength(1);
  });

  it("that a dead instance was about to send are sent by another one", async ({ expect }) => {
    const { receivers, store, start, channels, waiting } = await setup(engine, {});
    await lose(store, "one");
    await makeMessages(store, channels());
    const dead = await claimOutbox<number[]>(store, OUTBOX, "primary dead");
    if (!dead) throw new Error("nothing was claimed");
    await store.write((trx) => trx.updateTable("alert_outbox").set({ lease_until: 1 }).execute());
    await start("backup");
    await receivers.alert(({ subject }) => subject === "one");
    await expect.poll(waiting).toEqual([]);
    // Woken again it finds nothing of its own.
    await completeOutbox(store, OUTBOX, dead);
    expect(receivers.alertsTaken()).toHaveLength(1);
  });

  it("go to the channels that want their kind, and a test to all", async ({ expect }) => {
    const { receivers, store, start, waiting } = await setup(engine, {
      slack: ["deployment_failed"],
      discord: ["instance_lost"],
    });
    await start("primary");
    alertsAreDueAtOnce(store);
    await lose(store, "one");
    await receivers.mailWith("Instance lost: one");
    await expect.poll(waiting).toEqual([]);
    expect([receivers.taken("slack").length, receivers.taken("discord").length]).toEqual([0, 1]);
    await store.write((trx) =>
      raiseAlert(trx, store, { kind: "test", state: "event", subject: "", facts: { who: "@everyone" } }),
    );
    await receivers.http.posts.first(({ path }) => path.startsWith("/slack/"));
  });

  it("are told no more than five times a minute, and then together", async ({ expect }) => {
    const { store } = await setup(engine);
    const now = systemClock.now();
    const told = [50, 40, 30, 20, 10].map((seconds) => now - seconds * 1_000);
    const row = { kind: "instance_lost" as const, state: "firing" as const, subject: "x", facts: "{}" };
    await store.write(async (trx) => {
      for (const at of told.slice(1))
        await trx
          .insertInto("alerts")
          .values({ ...row, since: at, at, told_at: at })
          .execute();
    });
    expect(await nextDigest(store)).toBeNull();
    await lose(store, "one");
    expect(await nextDigest(store)).toBeLessThanOrEqual(systemClock.now() + TOGETHER_MS);
    await store.write((trx) =>
      trx
        .insertInto("alerts")
        .values({ ...row, since: 0, at: 0, told_at: told[0] ?? 0 })
        .execute(),
    );
    expect(await nextDigest(store)).toBe((told[0] ?? 0) + 60_000);
  });

  it("leave no secret in the store or the log when a receiver refuses them", async ({ expect }) => {
    const { receivers, store, start, log } = await setup(engine);
    receivers.http.answer = {
      status: 403,
      body: (path) => `no access to ${path}\r\n\u001b[31mfor you`,
    };
    await start("primary", {
      ...receivers.env,
      SMTP_URL: receivers.mail.url.replace("mail-password", "wrong-password"),
    });
    alertsAreDueAtOnce(store);
    await lose(store, "one");
    await expect
      .poll(() => {
        const later = log.filter((line) => line.includes("sending an alert failed, retry in"));
        return new Set(later.map((line) => JSON.parse(line).channel)).size;
      })
      .toBe(4);
    const errors = await store.read.selectFrom("alert_outbox").select("last_error").execute();
    const written = `${log.join("")}${JSON.stringify(errors)}`;
    expect(written).toContain("it answered 403: no access to …");
    expect(written).toContain("the mail server did not take it (EAUTH)");
    expect(written).not.toMatch(/secret-of|wrong-password|whsec_|\\u001b/);
  });
});
