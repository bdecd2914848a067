import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { registerTargets } from "../../../app/accept/register-targets.ts";
import { RepositoryNames } from "../../../app/accept/repository-names.ts";
import { describeAlert } from "../../../app/alerts/describe.ts";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { ControllerLease } from "../../../app/failover/controller-lease.ts";
import { githubApp } from "../../../app/github/app.ts";
import { CallBudget } from "../../../app/github/call-budget.ts";
import { RepositoryAccess } from "../../../app/github/repository-access.ts";
import { setMark } from "../../../app/queue/set-mark.ts";
import { RepositoryScan } from "../../../app/upkeep/repository-scan.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const TARGET = testTarget();

/** A controller's scan of a simulated GitHub, which has seen the repository once. */
async function scene(engine: Engine) {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const { id } = github.addRepository("acme/site");
  const store = await newStore(engine);
  await registerTargets(store, [TARGET], 0);
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
  const repositories = new RepositoryScan({
    ...{ store, clock, log, access, lease, targets: [TARGET], budget: new CallBudget(clock) },
    linesOf: () => "line 12 of twinhook.yml",
  });
  onTestFinished(() => repositories.close());
  const scan = () => {
    repositories.askAll();
    return repositories.scan(new AbortController().signal);
  };
  await scan();
  return {
    ...{ github, id, store, lines, scan },
    rows: () => store.read.selectFrom("repositories").selectAll().execute(),
    async alerts() {
      const alerts = await store.read.selectFrom("alerts").selectAll().execute();
      const wording = { store, homeUrl: "", pageUrl: () => "" };
      return Promise.all(alerts.map((alert) => describeAlert({ ...alert, id: String(alert.id) }, wording)));
    },
  };
}

describe.each(ENGINES)("the scan for renamed repositories, on %s", (engine) => {
  it("notes GitHub's id of a repository, and says nothing as long as its name is right", async () => {
    const { rows, scan, lines, alerts, id } = await scene(engine);
    await scan();
    expect(await rows()).toEqual([{ name: "acme/site", id, full_name: "acme/site", taken_by: null }]);
    expect(lines).toEqual([]);
    expect(await alerts()).toEqual([]);
  });

  it("says once which line to change when a repository was renamed", async () => {
    const { github, rows, scan, lines, alerts, id } = await scene(engine);
    github.renameRepository("acme/site", "acme/shop");
    await scan();
    await scan();
    expect(await rows()).toEqual([{ name: "acme/site", id, full_name: "acme/shop", taken_by: null }]);
    expect(lines).toEqual([
      "acme/site is called acme/shop at GitHub by now, and is deployed as before: correct line 12 of twinhook.yml",
    ]);
    expect(await alerts()).toMatchObject([
      {
        title: "Repository renamed: acme/site is acme/shop now",
        remedy: "Write acme/shop in line 12 of twinhook.yml, and run `twinhook reload`.",
      },
    ]);
  });

  it("says once that another repository has taken the name, and keeps the id of the first", async () => {
    const { github, rows, scan, lines, alerts, id } = await scene(engine);
    github.renameRepository("acme/site", "acme/shop");
    await scan();
    github.addRepository("acme/site", { id: 99 });
    await scan();
    await scan();
    expect(await rows()).toEqual([{ name: "acme/site", id, full_name: "acme/shop", taken_by: 99 }]);
    expect(lines[1]).toContain("acme/site is another repository at GitHub by now (id 99)");
    expect((await alerts()).map(({ title }) => title)).toEqual([
      "Repository renamed: acme/site is acme/shop now",
      "Another repository has taken the name acme/site",
    ]);
  });

  it("learns the new name even if another repository took the old one before it looked", async () => {
    const { github, rows, scan, lines, id } = await scene(engine);
    github.renameRepository("acme/site", "acme/shop");
    github.addRepository("acme/site", { id: 99 });
    await scan();
    expect(await rows()).toEqual([{ name: "acme/site", id, full_name: "acme/shop", taken_by: 99 }]);
    expect(lines[0]).toContain("last called acme/shop");
  });

  it("has what is on record follow once twinhook.yml has the new name", async () => {
    const { github, scan, store, rows } = await scene(engine);
    await setMark(store, { repositoryKey: "acme/site", target: "production" }, 7);
    github.renameRepository("acme/site", "acme/shop");
    await scan();
    await registerTargets(store, [testTarget({ repository: "acme/shop" })], 1_000_000);
    const targets = await store.read.selectFrom("targets").selectAll().execute();
    expect(targets).toMatchObject([{ repository: "acme/shop", watch_from: 0, mark_run_id: 7 }]);
    expect(await rows()).toEqual([]);
  });
});

it("reconciling finds the runs of a repository that was renamed", async () => {
  const names = new RepositoryNames([TARGET]);
  const { github, scan, deployments } = await setScans("sqlite", { targets: [TARGET], names });
  const { id } = github.renameRepository("acme/site", "acme/shop");
  names.set([{ name: "acme/site", id, full_name: "acme/site", taken_by: null }]);
  const { run } = github.completeRun({ repository: "acme/shop", send: false });
  await scan();
  expect(await deployments()).toMatchObject([{ run_id: run.id, source: "reconcile", status: "queued" }]);
});
