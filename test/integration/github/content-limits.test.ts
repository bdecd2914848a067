import { setTimeout } from "node:timers/promises";
import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { configSchema } from "../../../app/config/schema.ts";
import { githubApp } from "../../../app/github/app.ts";
import { CallBudget } from "../../../app/github/call-budget.ts";
import { GitHubDeployments } from "../../../app/github/deployments.ts";
import { Outbox } from "../../../app/github/outbox.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { completeOutbox, postponeOutbox } from "../../../app/outbox/outbox-lease.ts";
import { announce } from "../../../app/queue/announce.ts";
import { claimAnnouncement, GITHUB_OUTBOX, pauseContent } from "../../../app/queue/claim-announcement.ts";
import type { Store } from "../../../app/store/store.ts";
import type { DeploymentStatus } from "../../../shared/deployment.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, newStore } from "../../helpers/stores.ts";
import { type GitHub, type GitHubOptions, startGitHub } from "../../simulator/simulator.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** How often to look whether all is sent. */
const LOOK_MS = 2;
const CONTENT = /\/(deployments|statuses)$/;

/** Accepts deployments and says what became of them, as instances and runners do. */
function steps(store: Store) {
  const target = testTarget({ queue: "all" });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  return {
    /** Waits in the queue from now on, which is left as word for GitHub. */
    async accept(runId: number): Promise<string> {
      return (await acceptor.accept(runArrival(runId, [target]))).deployments[0]?.id ?? "";
    },
    tell: (id: string, ...statuses: DeploymentStatus[]) =>
      store.write((trx) =>
        announce(
          trx,
          store,
          statuses.map((status) => ({ id, status })),
        ),
      ),
    left: () => store.read.selectFrom("outbox").select(["deployment_id", "body"]).orderBy("id").execute(),
  };
}

/** An outbox at a simulated GitHub. Time stands still, for all of them alike, until it is moved. */
async function startOutbox(options: GitHubOptions = {}) {
  vi.useFakeTimers({ toFake: ["Date"], now: Math.floor(Date.now() / 1000) * 1000 });
  onTestFinished(() => void vi.useRealTimers());
  const github = await startGitHub(options);
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const store = await newStore("sqlite");
  const clock = new SleepersClock();
  const budget = new CallBudget(clock);
  const log = pino({ level: "silent" });
  const { environment } = readEnvironment(github.environment());
  const newApp = () => githubApp(environment, github.app.webhookSecret, log, (call) => budget.note(call));
  const access = new RepositoryAccess(newApp, clock);
  const { retry, circuit_breaker } = configSchema.parse({
    instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
  });
  const outbox = new Outbox({
    store,
    clock,
    github: new GitHubDeployments(access),
    access,
    budget,
    retry,
    breaker: circuit_breaker,
    holder: "primary 1",
    links: (_repository, _target, id) => ({ environmentUrl: null, logUrl: `http://127.0.0.1:1/${id}` }),
    log,
  });
  onTestFinished(() => outbox.close());
  outbox.start();
  const { left, ...more } = steps(store);
  /** Resolves once everything is sent, or waits for a time. */
  const settled = async () => {
    while ((await left()).length > 0)
      // The store does not tell of what is sent.
      if (await Promise.race([setTimeout(LOOK_MS, false), clock.asleep().then(() => true)])) return;
  };
  const advance = (ms: number) => {
    vi.setSystemTime(Date.now() + ms);
    clock.advance(ms);
  };
  const content = () => github.requests.filter(({ method, path }) => method === "POST" && CONTENT.test(path));
  return { github, store, clock, settled, advance, content, left, ...more };
}

/** The most that any time of this length holds. */
function most(times: readonly number[], windowMs: number): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
}

const shownStates = (github: GitHub) =>
  github.deployments("acme/site").map(({ id }) => github.statuses("acme/site", id).map(({ state }) => state));

describe("what GitHub is sent that is new content", () => {
  it("of 200 deployments in an hour stays below its limits, and shows every end", async () => {
    const { github, accept, tell, settled, advance, content, left } = await startOutbox();
    for (let run = 1; run <= 200; run++) {
      const id = await accept(run);
      await settled();
      await tell(id, "running");
      await settled();
      await tell(id, "succeeded");
      await settled();
      advance(18 * SECOND_MS);
    }
    // What is still to be sent waits no longer than this.
    for (let minute = 0; minute < 10 && (await left()).length > 0; minute++) {
      advance(MINUTE_MS);
      await settled();
    }
    expect(await left()).toEqual([]);
    const sent = content();
    expect(sent.filter(({ status }) => status !== 201)).toEqual([]);
    const times = sent.map(({ at }) => at);
    expect(most(times, 60 * MINUTE_MS)).toBeLessThanOrEqual(500);
    expect(most(times, MINUTE_MS)).toBeLessThanOrEqual(80);
    expect(shownStates(github)).toHaveLength(200);
    for (const states of shownStates(github)) expect(states.at(-1)).toBe("success");
    // While there is room, the states on the way are shown as well.
    expect(shownStates(github)[0]).toEqual(["queued", "in_progress", "success"]);
  });

  it("of 150 deployments at once stays below its limits of a minute", async () => {
    const { github, accept, tell, settled, advance, content, left } = await startOutbox();
    const ids: string[] = [];
    for (let run = 1; run <= 150; run++) ids.push(await accept(run));
    for (const id of ids) await tell(id, "running", "succeeded");
    for (let minute = 0; minute < 10 && (await left()).length > 0; minute++) {
      await settled();
      advance(MINUTE_MS);
    }
    expect(
      most(
        content().map(({ at }) => at),
        MINUTE_MS,
      ),
    ).toBeLessThanOrEqual(80);
    expect(shownStates(github).filter((states) => states.at(-1) === "success")).toHaveLength(150);
  });

  it("waits a minute when GitHub asks to wait without saying how long, whatever it is about", async () => {
    const { github, clock, accept, settled, advance, content, left } = await startOutbox();
    const secondary = {
      kind: "status",
      status: 403,
      message: "You have exceeded a secondary rate limit.",
    } as const;
    github.faults.add(secondary, { route: "POST /repos/*/deployments", times: 1 });
    await accept(1);
    await settled();
    expect(content()).toHaveLength(1);
    await accept(2);
    expect(await clock.asleep()).toBeLessThanOrEqual(MINUTE_MS);
    for (let second = 0; second < 59; second++) {
      advance(SECOND_MS);
      await settled();
    }
    expect(content()).toHaveLength(1);
    for (let second = 0; second < 10 && (await left()).length > 0; second++) {
      advance(SECOND_MS);
      await settled();
    }
    expect(shownStates(github)).toEqual([["queued"], ["queued"]]);
  });
});

describe.each(ENGINES)("word for GitHub, on %s", (engine) => {
  const limited = () => true;
  async function scene() {
    const store = await newStore(engine);
    const claim = async () => {
      const item = await claimAnnouncement(store, "primary 1", limited);
      if (!item || "waitMs" in item) return item;
      const { line, body, attempts } = item;
      return { item, line, status: body.status, attempts };
    };
    /** Sends all that may be sent now, and tells in which order. */
    const sendAll = async () => {
      const sent: string[] = [];
      for (;;) {
        const next = await claim();
        if (!next || "waitMs" in next) return sent;
        sent.push(`${next.line} ${next.status}`);
        await completeOutbox(store, GITHUB_OUTBOX, next.item);
      }
    };
    return { store, claim, sendAll, ...steps(store) };
  }

  it("tells first of deployments that have ended", async () => {
    const { accept, tell, sendAll } = await scene();
    const [first, second, third] = [await accept(1), await accept(2), await accept(3)];
    await tell(third, "superseded");
    await tell(second, "running", "failed");
    expect(await sendAll()).toEqual([`${second} failed`, `${third} superseded`, `${first} queued`]);
  });

  it("keeps every end of a deployment that was retried, in order, and the state of now", async () => {
    const { accept, tell, sendAll } = await scene();
    const id = await accept(1);
    await tell(id, "running", "failed", "queued", "running", "cancelled", "queued", "running");
    expect(await sendAll()).toEqual([`${id} failed`, `${id} cancelled`, `${id} running`]);
  });

  it("keeps the ends that an instance of an older version left without marking them", async () => {
    const { store, accept, tell, sendAll } = await scene();
    const id = await accept(1);
    await tell(id, "running", "failed", "queued", "running");
    await store.write((trx) => trx.updateTable("outbox").set({ final: 0 }).execute());
    expect(await sendAll()).toEqual([`${id} failed`, `${id} running`]);
  });

  it("is searched for at GitHub when a state that was replaced may have been heard", async () => {
    const { store, accept, tell, claim } = await scene();
    const id = await accept(1);
    const tried = await claim();
    if (!tried || "waitMs" in tried) throw new Error("nothing was claimed");
    expect(tried.attempts).toBe(1);
    await postponeOutbox(store, GITHUB_OUTBOX, tried.item, { delayMs: 0, error: "no answer" });
    await tell(id, "succeeded");
    expect(await claim()).toMatchObject({ line: id, status: "succeeded", attempts: 2 });
  });

  it("is not sent while another instance sends of the same deployment", async () => {
    const { accept, tell, claim } = await scene();
    const id = await accept(1);
    expect(await claim()).toMatchObject({ status: "queued" });
    await tell(id, "running", "succeeded");
    expect(await claim()).toBeNull();
  });

  it("is sent to no account that GitHub has asked for a pause of, by any instance, and to others", async () => {
    const { store, accept, claim } = await scene();
    await accept(1);
    await pauseContent(store, "acme", 30_000);
    const waits = await claim();
    expect(waits).toEqual({ waitMs: expect.any(Number) });
    await store.write((trx) =>
      trx.updateTable("deployments").set({ repository_key: "hooli/site" }).execute(),
    );
    expect(await claim()).toMatchObject({ status: "queued" });
  });

  it("of an Action that waits at GitHub shows each state, however busy the hour is", async () => {
    const { store, accept, tell, sendAll } = await scene();
    const [asked, other] = [await accept(1), await accept(2)];
    const calls = JSON.stringify(Array.from({ length: 200 }, () => Date.now()));
    await store.write(async (trx) => {
      const row = {
        account: "acme",
        calls: JSON.stringify(JSON.parse(calls).map((at: number) => at - 120_000)),
      };
      await trx
        .insertInto("content_calls")
        .values({ ...row, paused_until: 0, pauses: 0 })
        .execute();
      await trx
        .updateTable("deployments")
        .set({ source: "github_deployment", github_deployment_id: "77" })
        .where("id", "=", asked)
        .execute();
    });
    expect(await sendAll()).toEqual([`${asked} queued`]);
    await tell(asked, "running");
    expect(await sendAll()).toEqual([`${asked} running`]);
    await tell(other, "succeeded");
    expect(await sendAll()).toEqual([`${other} succeeded`]);
  });
});
