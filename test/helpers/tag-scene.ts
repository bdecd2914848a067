import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Accepted } from "../../app/accept/accepted.ts";
import { commit } from "../../app/accept/commit.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../../app/accept/workflow-run.ts";
import { readEnvironment } from "../../app/config/environment/environment.ts";
import type { TargetConfig } from "../../app/config/schema.ts";
import { ControllerLease } from "../../app/failover/controller-lease.ts";
import { githubApp } from "../../app/github/app.ts";
import { CallBudget } from "../../app/github/call-budget.ts";
import { RepositoryAccess } from "../../app/github/repository-access.ts";
import { claim } from "../../app/queue/claim/claim.ts";
import { TagNames, tagLookup } from "../../app/upkeep/tag-names.ts";
import type { CompleteRunOptions } from "../simulator/complete-run.ts";
import { startGitHub } from "../simulator/simulator.ts";
import { testTarget } from "./arrivals.ts";
import { SleepersClock } from "./sleepers-clock.ts";
import { type Engine, newStore } from "./stores.ts";

/** A controller's scan of a simulated GitHub, and what a runner may claim. */
export async function tagScene(engine: Engine, ...given: TargetConfig[]) {
  const targets = given.length > 0 ? given : [testTarget()];
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const repository = github.addRepository("acme/site");
  const store = await newStore(engine);
  const clock = new SleepersClock();
  const log = pino({ level: "silent" });
  const { environment } = readEnvironment(github.environment());
  const access = new RepositoryAccess(() => githubApp(environment, github.app.webhookSecret, log), clock);
  const lease = new ControllerLease({
    ...{ store, clock, ttlMs: 7 * 24 * 60 * 60_000 },
    candidate: { holder: "backup", instance: "backup", host: "host-1" },
  });
  await lease.acquire(() => true);
  const tags = new TagNames({
    ...{ store, clock, log, access, lease, targets, budget: new CallBudget(clock) },
  });
  onTestFinished(() => tags.close());
  const onTag = tagLookup(store, targets);
  return {
    github,
    repository,
    store,
    clock,
    /** It scans no more by itself as soon as a claim asks, only by `scan`. */
    stopScanning: () => tags.close(),
    /** Scans what is due. */
    scan: () => tags.scan(new AbortController().signal),
    /** The event of a run, as any entrance accepts it. */
    async accept(options: Partial<CompleteRunOptions> & { path?: string }) {
      const { event } = github.completeRun({ repository: "acme/site", send: false, ...options });
      const judged = judgeWorkflowRun(parseWorkflowRun(event), targets);
      const rest = { guid: null, event: "workflow_run", payload: null, viaRunAttempt: null };
      const arrival = { source: "webhook" as const, ...rest, ...judged };
      const [accepted] = await commit(store, [arrival], { instance: "backup", now: clock.now() });
      return accepted as Accepted;
    },
    claim: (target = "production") =>
      claim(store, {
        ...{ repositoryKey: "acme/site", target, queue: "latest", lock: null },
        ...{ workflow: testTarget().workflow, holder: "runner", instance: "backup", host: "host-1" },
      }),
    tellOfTag: (made: boolean, name = "main") => onTag({ repository: "acme/site", name, made }),
    deployment: async (id: string | undefined) =>
      store.read
        .selectFrom("deployments")
        .select(["status", "reason", "ref", "ref_note"])
        .where("id", "=", id ?? "")
        .executeTakeFirstOrThrow(),
    asked: () =>
      store.read.selectFrom("scans").select(["place", "result"]).whereRef("asked", ">", "served").execute(),
    calls: () => github.requests.filter(({ path }) => /\/(git|compare)\//.test(path)).length,
  };
}
