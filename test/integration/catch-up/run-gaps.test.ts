import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { registerTargets } from "../../../app/accept/register-targets.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../../../app/accept/workflow-run.ts";
import { RunGaps } from "../../../app/catch-up/run-gaps.ts";
import { type Clock, systemClock } from "../../../app/clock.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import type { TargetConfig } from "../../../app/config/schema.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { githubApp } from "../../../app/github/app.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import { manualArrival, runArrival, testTarget } from "../../helpers/arrivals.ts";
import { eventually } from "../../helpers/eventually.ts";
import { noteNoTag } from "../../helpers/no-tag.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import type { SentRun } from "../../simulator/complete-run.ts";
import { startGitHub } from "../../simulator/simulator.ts";
import { stableSha } from "../../simulator/stable-values.ts";

const LIST = /^\/repos\/[^/]+\/[^/]+\/actions\/workflows\/ci\.yml\/runs$/;
const HOUR_MS = 60 * 60_000;

/** One store and one GitHub; a controller that asks for missing runs, and a runner whose steps a test takes. */
async function scene(
  engine: Engine,
  options: { targets?: TargetConfig[]; waitMs?: number; clock?: Clock; leaseClock?: Clock } = {},
) {
  const { targets = [testTarget({ queue: "all" })], waitMs = HOUR_MS, clock = systemClock } = options;
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const store = await newStore(engine, clock);
  await registerTargets(store, targets, github.clock.now());
  await noteNoTag(store);
  const lines: { msg: string }[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const { environment } = readEnvironment(github.environment());
  const acceptor = new Acceptor({ store, clock, instance: "primary", onQueued: () => {} });
  const lease = new ControllerLease({
    store,
    clock: options.leaseClock ?? systemClock,
    ttlMs: HOUR_MS,
    candidate: { holder: "primary 1", instance: "primary", host: "host-1" },
  });
  await lease.acquire(() => true);
  const access = new RepositoryAccess(() => githubApp(environment, github.app.webhookSecret, log));
  const gaps = new RunGaps({ store, clock: systemClock, log, targets, acceptor, access, lease, waitMs });
  onTestFinished(() => gaps.close());
  gaps.start();

  const [first] = targets as [TargetConfig];
  /** A run completes at GitHub, and its event is on the way. */
  const run = (given: Partial<Parameters<typeof github.completeRun>[0]> = {}) =>
    github.completeRun({ repository: "acme/site", send: false, ...given });
  /** The event arrives. */
  const arrive = (sent: SentRun) =>
    acceptor.accept({
      source: "webhook",
      guid: `${sent.run.id} ${sent.run.run_attempt} ${sent.event.action}`,
      event: "workflow_run",
      payload: null,
      viaRunAttempt: null,
      ...judgeWorkflowRun(parseWorkflowRun(sent.event), targets),
    });
  const next = ({ repository, name, queue, workflow, lock } = first) =>
    claim(store, {
      repositoryKey: repository,
      target: name,
      queue,
      workflow,
      lock,
      holder: `run_${Math.random()}`,
      instance: "primary",
      host: "host-1",
    });
  /** Claims what may begin now, and ends it; returns its run. */
  const tryDeploy = async (target?: TargetConfig) => {
    const claimed = await next(target);
    if (claimed.kind !== "claimed") throw new Error(`nothing may begin: ${claimed.kind}`);
    const { id, holder, token, run_id } = claimed.deployment;
    const lease = { deploymentId: id, holder: holder ?? "", token };
    await finish(store, lease, { status: "succeeded", exitCode: 0, reason: null });
    return run_id;
  };
  const deploy = (target?: TargetConfig) => eventually(() => tryDeploy(target));
  const row = (sent: SentRun) =>
    store.read
      .selectFrom("deployments")
      .selectAll()
      .where("run_id", "=", sent.run.id)
      .executeTakeFirstOrThrow();
  return {
    ...{ github, store, targets, acceptor, lease, lines, run, arrive, next, tryDeploy, deploy, row },
    /** Run #1 is deployed: from now on it is known what a gap is. */
    async begin() {
      await arrive(run());
      await tryDeploy();
    },
    /** How often GitHub was asked for the runs of the workflow. */
    asked: () => github.requests.filter(({ path }) => LIST.test(path)).length,
  };
}

describe.each(ENGINES)("a target that deploys every run, on %s", (engine) => {
  it("says that the workflow is gone where GitHub has none of this path any more", async () => {
    const { github, begin, run, arrive, next, row } = await scene(engine);
    await begin();
    run();
    const later = run();
    github.faults.add({ kind: "status", status: 404 }, { route: "GET */workflows/ci.yml/*" });
    await arrive(later);
    expect(await next()).toMatchObject({ kind: "held" });
    await eventually(async () =>
      expect((await row(later)).reason).toBe(
        "waits for run #2 of .github/workflows/ci.yml: GitHub has no workflow of the path " +
          ".github/workflows/ci.yml there; correct `workflow` in twinhook.yml, or put the file back on the default branch",
      ),
    );
  });

  it("deploys a run that was refused, before the one that came after it", async () => {
    const { begin, run, arrive, next, deploy, row, asked } = await scene(engine);
    await begin();
    const [refused, later] = [run(), run()];
    await arrive(later);
    expect(await next()).toMatchObject({ kind: "held" });
    expect((await row(later)).reason).toBe(
      "waits for run #2 of .github/workflows/ci.yml: it is being looked up",
    );
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
    expect(asked()).toBe(1);
    expect(await row(later)).toMatchObject({ status: "succeeded", reason: null, order_note: null });
    // The event of the refused one comes after all.
    expect(await arrive(refused)).toMatchObject({ outcome: "duplicate" });
  });

  it("is asked for by a controller that takes its lease anew, though nothing else changes", async () => {
    const leaseClock = new SleepersClock();
    const { begin, run, arrive, next, deploy, asked, lease } = await scene(engine, { leaseClock });
    await begin();
    const [refused, later] = [run(), run()];
    leaseClock.advance(HOUR_MS);
    await arrive(later);
    expect(await next()).toMatchObject({ kind: "held" });
    expect(asked()).toBe(0);
    expect(await lease.acquire(() => true)).toEqual({ held: true, taken: true });
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
  });

  it("asks nothing where no number is missing, whatever came of the earlier runs", async () => {
    const { begin, run, arrive, tryDeploy, asked } = await scene(engine);
    await begin();
    const others = [
      run({ conclusion: "failure" }),
      run({ conclusion: "cancelled" }),
      run({ branch: "next" }),
      run({ fork: true, branch: "main" }),
      run({ event: "schedule" }),
      // These are not the target's, however they end.
      run({ branch: "next", action: "requested" }),
      run({ fork: true, branch: "main", action: "in_progress" }),
      // Another workflow has numbers of its own.
      run({ path: ".github/workflows/lint.yml" }),
      run(),
    ];
    for (const other of others) await arrive(other);
    expect(await tryDeploy()).toBe(others.at(-1)?.run.id);
    expect(asked()).toBe(0);
  });

  it("waits for what the wall clock says as little as for its steps", async () => {
    const jump = { ms: 0 };
    const clock = { ...systemClock, now: () => Date.now() + jump.ms };
    const { begin, github, run, arrive, next, deploy } = await scene(engine, { clock });
    await begin();
    const fault = github.faults.add({ kind: "status", status: 502 }, { route: "GET /repos/*/runs" });
    const [refused, later] = [run(), run()];
    await arrive(later);
    expect(await next()).toMatchObject({ kind: "held" });
    await eventually(() => expect(fault.hits).toBeGreaterThan(1));
    for (const ms of [600_000, -600_000]) {
      jump.ms = ms;
      expect(await next()).toMatchObject({ kind: "held" });
    }
    fault.clear();
    jump.ms = 0;
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
  });

  it("says what it waits for while GitHub does not answer, and goes on as soon as it does", async () => {
    const { begin, github, run, arrive, next, deploy, row } = await scene(engine);
    await begin();
    await github.goDown();
    const [refused, later] = [run(), run()];
    await arrive(later);
    await next();
    await eventually(async () =>
      expect((await row(later)).reason).toBe(
        "waits for run #2 of .github/workflows/ci.yml: GitHub does not answer",
      ),
    );
    expect(await next()).toMatchObject({ kind: "held" });
    await github.comeBack();
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
  });

  it("begins when the waiting is over, and says what it began without", async () => {
    const { begin, github, run, arrive, deploy, row, lines } = await scene(engine, { waitMs: 300 });
    await begin();
    await github.goDown();
    run();
    const later = run();
    await arrive(later);
    expect(await deploy()).toBe(later.run.id);
    const note = "began without run #2 of .github/workflows/ci.yml after 300ms: GitHub does not answer";
    expect(await row(later)).toMatchObject({ order_note: note, reason: note });
    expect(lines.map(({ msg }) => msg)).toContain(note);
  });

  it("waits for a list that lags, and asks until it shows the run", async () => {
    const { begin, github, run, arrive, next, deploy, row } = await scene(engine);
    await begin();
    github.settings.runListLagMs = 10_000;
    const [refused, later] = [run(), run()];
    await arrive(later);
    await next();
    await eventually(async () =>
      expect((await row(later)).reason).toBe(
        "waits for run #2 of .github/workflows/ci.yml: GitHub does not show it yet",
      ),
    );
    expect(await next()).toMatchObject({ kind: "held" });
    github.clock.advance(10_000);
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
  });

  it("believes a single run more than a list that shows it as running", async () => {
    const { begin, github, run, arrive, next, deploy } = await scene(engine);
    await begin();
    const started = run({ action: "in_progress" });
    const later = run();
    github.clock.advance(10_000);
    github.settings.runListLagMs = 5_000;
    const refused = run({ runId: started.run.id });
    await arrive(later);
    await next();
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
  });

  it.each([
    ["old", 1],
    ["of a time that has not come, as after a step back of the clock", Date.parse("2100-01-01")],
  ])("does not wait for a run that has not ended, and asks anew where the answer is %s", async (_, at) => {
    const { begin, store, run, arrive, next, deploy, tryDeploy, asked } = await scene(engine);
    await begin();
    const slow = run({ action: "in_progress" });
    await arrive(slow);
    const later = run();
    await arrive(later);
    await next();
    const isCleared = async () => {
      const rows = await store.read.selectFrom("deployments").select("order_cleared_at").execute();
      expect(rows.some(({ order_cleared_at }) => order_cleared_at !== null)).toBe(true);
    };
    await eventually(isCleared);
    // The target was not free for a while, and the slow one has ended meanwhile.
    await store.write((trx) =>
      trx.updateTable("deployments").set({ order_cleared_at: at }).where("status", "=", "queued").execute(),
    );
    const ended = run({ runId: slow.run.id });
    await expect(tryDeploy()).rejects.toThrow("held");
    expect([await deploy(), await deploy()]).toEqual([ended.run.id, later.run.id]);
    expect(asked()).toBe(2);
  });

  it("goes on where runs between failed, were cancelled or are another branch's, and nobody heard of them", async () => {
    const { begin, run, arrive, next, deploy, asked } = await scene(engine);
    await begin();
    for (const given of [{ conclusion: "failure" }, { conclusion: "cancelled" }, { branch: "v1.0" }])
      run(given);
    const later = run();
    await arrive(later);
    await next();
    expect(await deploy()).toBe(later.run.id);
    expect(asked()).toBe(1);
  });

  it("is asked for together with the other targets of the workflow", async () => {
    const targets = ["web", "worker"].map((name) => testTarget({ name, queue: "all" }));
    const { run, arrive, next, tryDeploy, deploy, asked } = await scene(engine, { targets });
    await arrive(run());
    for (const target of targets) await tryDeploy(target);
    const [refused, later] = [run(), run()];
    await arrive(later);
    for (const target of targets) expect(await next(target)).toMatchObject({ kind: "held" });
    for (const target of targets)
      expect([await deploy(target), await deploy(target)]).toEqual([refused.run.id, later.run.id]);
    expect(asked()).toBe(1);
  });

  it("finds one of thousands of runs between, without listing them all", async () => {
    const { begin, run, arrive, next, deploy, asked } = await scene(engine);
    await begin();
    const refused = run();
    for (let i = 0; i < 1_500; i++) run({ branch: `topic-${i}` });
    const later = run();
    await arrive(later);
    await next();
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
    expect(asked()).toBeLessThan(10);
  });

  it("that has begun nothing yet asks once, and begins where GitHub does not answer", async () => {
    const { github, run, arrive, next, deploy, asked } = await scene(engine);
    const [refused, later] = [run(), run()];
    await arrive(later);
    expect(await next()).toMatchObject({ kind: "held" });
    expect([await deploy(), await deploy()]).toEqual([refused.run.id, later.run.id]);
    expect(asked()).toBe(1);

    const other = await scene(engine);
    await other.github.goDown();
    other.run();
    const only = other.run();
    await other.arrive(only);
    expect(await other.deploy()).toBe(only.run.id);
    expect(await other.row(only)).toMatchObject({ order_note: null });
    await github.goDown();
  });

  it("holds up neither a person's act nor a retry nor a run of another workflow", async () => {
    const { begin, store, run, arrive, acceptor, targets, tryDeploy, next } = await scene(engine);
    await begin();
    run();
    const waiting = run();
    await arrive(waiting);
    expect(await next()).toMatchObject({ kind: "held" });
    const manual = await acceptor.accept(manualArrival(stableSha("good"), targets));
    await tryDeploy();
    const done = await store.read
      .selectFrom("deployments")
      .select(["status"])
      .where("id", "=", manual.deployments[0]?.id ?? "")
      .executeTakeFirstOrThrow();
    expect(done.status).toBe("succeeded");
    const foreign = runArrival(waiting.run.id - 1, targets, {
      source: "action",
      workflow: ".github/workflows/deploy.yml",
      number: 7,
    });
    await acceptor.accept(foreign);
    expect(await tryDeploy()).toBe(waiting.run.id - 1);
    await store.write((trx) =>
      trx.updateTable("deployments").set({ attempt: 2 }).where("run_id", "=", waiting.run.id).execute(),
    );
    expect(await tryDeploy()).toBe(waiting.run.id);
  });
});
