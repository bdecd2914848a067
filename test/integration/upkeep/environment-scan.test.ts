import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { commit } from "../../../app/accept/commit.ts";
import { registerTargets } from "../../../app/accept/register-targets.ts";
import { describeAlert } from "../../../app/alerts/describe.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import type { TargetConfig } from "../../../app/config/schema.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { githubApp } from "../../../app/github/app.ts";
import { CallBudget } from "../../../app/github/call-budget.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { protectionOf } from "../../../app/queue/gate/approval.ts";
import { EnvironmentScan } from "../../../app/upkeep/environment-scan.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const TARGET = testTarget({ approval: "auto" });
const ROUTE = "GET /repos/acme/site/environments/production";

/** A controller's scan of a simulated GitHub. */
async function scene(engine: Engine) {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const store = await newStore(engine);
  const clock = new SleepersClock();
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
  const { environment } = readEnvironment(github.environment());
  const access = new RepositoryAccess(() => githubApp(environment, github.app.webhookSecret, log), clock);
  const lease = new ControllerLease({
    ...{ store, clock, ttlMs: 7 * 24 * 60 * 60_000 },
    candidate: { holder: "backup", instance: "backup", host: "host-1" },
  });
  await lease.acquire(() => true);
  await registerTargets(store, [TARGET], 0);
  return {
    ...{ github, store, lines },
    /** Scans once, as a new process with these targets does. Returns whether all was read. */
    async look(target: TargetConfig = TARGET) {
      const scan = new EnvironmentScan({
        ...{ store, clock, log, access, lease, instance: "backup" },
        ...{ targets: [target], budget: new CallBudget(clock) },
      });
      scan.askAll();
      const failed = await scan.scan(new AbortController().signal);
      await scan.close();
      return failed === undefined;
    },
    accept: () => commit(store, [runArrival(1, [TARGET])], { instance: "backup", now: 1 }),
    async rules() {
      const row = await store.read.selectFrom("targets").selectAll().executeTakeFirst();
      return protectionOf(row, TARGET)?.rules ?? null;
    },
    async alerts() {
      const alerts = await store.read.selectFrom("alerts").selectAll().orderBy("id").execute();
      const wording = { store, homeUrl: "", pageUrl: () => "" };
      return Promise.all(alerts.map((alert) => describeAlert({ ...alert, id: String(alert.id) }, wording)));
    },
  };
}

describe.each(ENGINES)("the scan for protected environments, on %s", (engine) => {
  it("records that an environment which GitHub does not have is not protected", async () => {
    const { look, rules } = await scene(engine);
    expect(await look()).toBe(true);
    expect(await rules()).toEqual([]);
  });

  it("keeps the last known protection while GitHub is away", async () => {
    const { github, look, rules } = await scene(engine);
    github.protect("acme/site", "Production", ["wait_timer", "required_reviewers"]);
    await look();
    await github.goDown();
    expect(await look()).toBe(false);
    expect(await rules()).toEqual(["wait_timer", "required_reviewers"]);
  });

  it("alerts once of each change, and of none while nothing was known", async () => {
    const { github, look, alerts } = await scene(engine);
    await look();
    github.protect("acme/site", "production");
    await look();
    await look();
    expect(await alerts()).toMatchObject([
      {
        kind: "approval_changed",
        title: "Approval is needed: production of acme/site",
        cause: "GitHub protects the environment production now: required reviewers.",
      },
    ]);
    github.protect("acme/site", "production", []);
    await look();
    expect((await alerts())[1]).toMatchObject({
      title: "Approval is no longer needed: production of acme/site",
    });
    await look(testTarget({ approval: "required" }));
    expect((await alerts())[2]).toMatchObject({
      cause: "twinhook.yml has approval: required for the target.",
    });
    expect(await alerts()).toHaveLength(3);
  });

  it("deploys the events that waited for it", async () => {
    const { store, look, accept } = await scene(engine);
    expect(await accept()).toMatchObject([{ outcome: "waiting" }]);
    await look();
    expect(await store.read.selectFrom("deployments").select("run_id").execute()).toEqual([{ run_id: 1 }]);
  });
});

it("knows the protection rules of Apps, which GitHub shows apart", async () => {
  const { github, look, rules } = await scene("sqlite");
  github.protect("acme/site", "production", ["custom"]);
  await look();
  expect(await rules()).toEqual(["custom"]);
});

it("learns nothing of a repository that GitHub does not show", async () => {
  const { github, look, rules } = await scene("sqlite");
  github.protect("acme/site", "production");
  await look();
  github.repository("acme/site").installation_id = null;
  await look();
  expect(await rules()).toEqual(["required_reviewers"]);
});

it("says how to go on where GitHub refuses to show environments", async () => {
  const { github, look, rules, lines } = await scene("sqlite");
  github.faults.add({ kind: "status", status: 403 }, { route: ROUTE });
  expect(await look()).toBe(true);
  expect(await rules()).toBeNull();
  expect(lines).toEqual([
    expect.stringMatching(
      /^cannot read whether GitHub protects the environment production of acme\/site: .*; give the App the permission Actions: read, or set approval of its targets to required or none$/s,
    ),
  ]);
});
