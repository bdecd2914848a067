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
import { claim } from "../../../app/queue/claim/claim.ts";
import { finish } from "../../../app/queue/finish.ts";
import type { DeploymentRecord } from "../../../app/store/schema.ts";
import type { Store } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const configured = (changes: object = {}) =>
  configSchema.parse({
    instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
    retry: { base_delay: "20ms", max_delay: "100ms" },
    circuit_breaker: { failure_threshold: 3, timeout: "200ms" },
    ...changes,
  });

async function setup(engine: Engine, changes: object = {}) {
  const config = configured(changes);
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const repository = github.addRepository("acme/site");
  const store = await newStore(engine);
  const log: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(line) });
  const start = async () => {
    const { environment } = readEnvironment(github.environment());
    const access = new RepositoryAccess(() => githubApp(environment, github.app.webhookSecret, logger));
    const outbox = new Outbox({
      store,
      clock: systemClock,
      github: new GitHubDeployments(access),
      access,
      budget: new CallBudget(systemClock),
      retry: config.retry,
      breaker: config.circuit_breaker,
      holder: `primary ${Math.random()}`,
      links: (_repository, _target, id) => ({
        environmentUrl: "https://example.com",
        logUrl: `http://127.0.0.1:1/deployments/${id}`,
      }),
      log: logger,
    });
    onTestFinished(() => outbox.close());
    outbox.start();
    return outbox;
  };
  return { github, repository, store, start, log, ...steps(store) };
}

/** The steps of a deployment's life, as instances and runners take them. */
function steps(store: Store) {
  const target = testTarget({ queue: "all" });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  return {
    async accept(runId: number) {
      return (await acceptor.accept(runArrival(runId, [target]))).deployments[0]?.id ?? "";
    },
    async begin() {
      const claimed = await claim(store, {
        repositoryKey: "acme/site",
        target: target.name,
        workflow: target.workflow,
        queue: "all",
        lock: null,
        holder: `run_${Math.random()}`,
        instance: "primary",
        host: "host-1",
      });
      if (claimed.kind !== "claimed") throw new Error(claimed.kind);
      return claimed.deployment;
    },
    end({ id, holder, token }: DeploymentRecord, status: "succeeded" | "failed" = "succeeded") {
      const reason = status === "failed" ? "the command exited with code 1" : null;
      return finish(
        store,
        { deploymentId: id, holder: holder ?? "", token },
        { status, exitCode: 0, reason },
      );
    },
  };
}

const states = (github: GitHub) => github.statuses("acme/site").map(({ state }) => state);
const shows = (github: GitHub, wanted: string[]) =>
  github.waitFor(() => JSON.stringify(states(github)) === JSON.stringify(wanted));

describe.each(ENGINES)("what GitHub is told, on %s", (engine) => {
  it("is one Deployment with a status per state, in order, with links", async () => {
    const { github, start, accept, begin, end } = await setup(engine);
    await start();
    const id = await accept(100);
    await shows(github, ["queued"]);
    const running = await begin();
    await shows(github, ["queued", "in_progress"]);
    await end(running, "failed");
    await shows(github, ["queued", "in_progress", "failure"]);
    const [deployment, ...others] = github.deployments("acme/site");
    expect(others).toEqual([]);
    expect(deployment).toMatchObject({ task: "twinhook", environment: "production", sha: running.sha });
    expect(github.statuses("acme/site").at(-1)).toMatchObject({
      description: "Failed: the command exited with code 1",
      log_url: `http://127.0.0.1:1/deployments/${id}`,
      environment_url: "https://example.com",
    });
  });

  it("arrives, without what was replaced meanwhile, once GitHub is up again", async () => {
    const { github, start, accept, begin, end } = await setup(engine);
    await github.goDown();
    await start();
    await accept(100);
    await end(await begin());
    await github.comeBack();
    await github.waitFor(() => states(github).at(-1) === "success");
    expect(github.deployments("acme/site")).toHaveLength(1);
  });

  it("waits as long as GitHub asks, and sends nothing meanwhile", async () => {
    const { github, start, accept } = await setup(engine);
    github.faults.add({ kind: "secondary-rate-limit", retryAfterS: 1 }, { route: "POST /repos/*", times: 1 });
    await start();
    await accept(100);
    await shows(github, ["queued"]);
    const posts = github.requests.filter(
      ({ method, path }) => method === "POST" && path.endsWith("/deployments"),
    );
    expect(posts).toHaveLength(2);
    expect((posts[1]?.at ?? 0) - (posts[0]?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  it("arrives although GitHub never answered when it was asked for a token", async () => {
    const { github, start, accept } = await setup(engine);
    const limits: AbortController[] = [];
    const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => {
      const limit = new AbortController();
      limits.push(limit);
      return limit.signal;
    });
    onTestFinished(() => timeout.mockRestore());
    const route = "POST /app/installations/*/access_tokens";
    const fault = github.faults.add({ kind: "hang" }, { route, times: 1 });
    await start();
    await accept(100);
    await github.waitFor(() => fault.hits === 1);
    timeout.mockRestore();
    for (const limit of limits) limit.abort(new DOMException("it took too long", "TimeoutError"));
    await shows(github, ["queued"]);
  });

  it("makes no second Deployment when the answer to the first was lost", async () => {
    const { github, start, accept } = await setup(engine);
    github.faults.add({ kind: "lost-answer" }, { route: "POST /repos/*/*/deployments", times: 1 });
    await start();
    await accept(100);
    await shows(github, ["queued"]);
    expect(github.deployments("acme/site")).toHaveLength(1);
  });

  it.each([
    ["succeeds within its tries, and is not put off", 4, 0],
    ["uses up its tries, is put off, and said later", 5, 1],
  ])("is tried as often as is configured: one that %s", async (_what, failures, putOff) => {
    const patient = {
      retry: { max_attempts: 5, base_delay: "5ms", max_delay: "20ms" },
      circuit_breaker: { failure_threshold: 20 },
    };
    const { github, start, accept, log } = await setup(engine, patient);
    const route = "POST /repos/*/*/deployments";
    github.faults.add({ kind: "status", status: 502 }, { route, times: failures });
    await start();
    await accept(100);
    await shows(github, ["queued"]);
    expect(log.filter((line) => line.includes("posting the status to GitHub failed"))).toHaveLength(putOff);
  });

  it("survives errors of GitHub's beyond the breaker's patience", async () => {
    const { github, start, accept, begin, end, store } = await setup(engine);
    const fault = github.faults.add({ kind: "status", status: 502 }, { route: "/repos/*" });
    await start();
    await accept(100);
    await github.waitFor(() => fault.hits >= 3);
    await end(await begin());
    fault.clear();
    await github.waitFor(() => states(github).at(-1) === "success");
    await expect.poll(() => store.read.selectFrom("outbox").select("id").execute()).toEqual([]);
  });

  it("is said once, although both twins send", async () => {
    const { github, start, accept, begin, end } = await setup(engine);
    await Promise.all([start(), start()]);
    for (const runId of [100, 200, 300]) {
      await accept(runId);
      await end(await begin());
    }
    const ended = () => states(github).filter((state) => state === "success").length === 3;
    await github.waitFor(ended);
    for (const { id } of github.deployments("acme/site")) {
      const shown = github.statuses("acme/site", id).map(({ state }) => state);
      expect(["queued", "in_progress", "success"].filter((state) => shown.includes(state))).toEqual(shown);
    }
  });

  it("that it refuses is told in the log with the remedy, and tried again", async () => {
    const { github, repository, start, accept, log } = await setup(engine);
    github.app.permissions.deployments = "read";
    await start();
    await accept(100);
    await expect.poll(() => log.some((line) => line.includes("Deployments: write"))).toBe(true);
    github.app.permissions.deployments = "write";
    await shows(github, ["queued"]);
    expect(repository.deployments).toHaveLength(1);
    for (const line of log) {
      expect(line).not.toContain(github.app.webhookSecret);
      expect(line).not.toMatch(/ghs_|BEGIN [A-Z ]*KEY|eyJ/);
    }
  });
});
