import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { awayGitHub } from "../../helpers/away-github.ts";
import { ENGINES, newDatabaseUrl } from "../../helpers/stores.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

const LAST = Number.MAX_SAFE_INTEGER;
const SHA = "a".repeat(40);
const wanted = (run_id: number, changes: Record<string, unknown> = {}) => ({
  repository: "acme/site",
  environment: "production",
  run_attempt: 1,
  sha: SHA,
  ref: "refs/heads/main",
  workflow: ".github/workflows/ci.yml",
  run_id,
  ...changes,
});

describe.each(ENGINES)("the run of a signed request, with the store on %s", (engine) => {
  let github: GitHub;
  let host: TestHost;
  /** How often GitHub was asked about this run. Scans ask about others. */
  const lookUps = (id: number) =>
    github.requests.filter(({ path }) => `${path}/`.includes(`/actions/runs/${id}/`)).length;
  const run = (more: object = {}) => github.completeRun({ repository: "acme/site", send: false, ...more });
  const ask = (run_id: number, changes: Record<string, unknown> = {}) =>
    host.request("primary", wanted(run_id, changes));
  const cutOff = () => {
    const faults = [
      github.faults.add({ kind: "reset" }, { route: "GET /repos/*" }),
      github.faults.add({ kind: "reset" }, { route: "POST /app/*" }),
    ];
    onTestFinished(() => {
      for (const fault of faults) fault.clear();
    });
  };

  beforeAll(async () => {
    github = await startGitHub();
    github.addRepository("acme/site");
    host = await TestHost.create({
      github,
      instances: ["primary"],
      store: await newDatabaseUrl(engine),
    });
    await host.startInProcess("primary");
    await host.sendEvent("primary", run({ action: "requested" }).event);
  });
  afterAll(async () => {
    await host.close();
    await github.close();
  });

  it("is refused when GitHub does not know it, and later events deploy as ever", async () => {
    const answer = await ask(LAST);
    expect([answer.status, await answer.json()]).toMatchObject([
      403,
      { detail: expect.stringContaining(`GitHub has no attempt 1 of the run ${LAST} in acme/site`) },
    ]);
    const event = await host.sendEvent("primary", run().event);
    expect(await event.json()).toMatchObject({ outcome: "deployed" });
  });

  it("passes without a look when an event told of it", async () => {
    const { event, run: told } = run({ action: "in_progress" });
    await host.sendEvent("primary", event);
    expect((await ask(told.id)).status).toBe(202);
    expect(lookUps(told.id)).toBe(0);
  });

  it("passes after a look when no event told of it yet", async () => {
    const { id } = run({ action: "in_progress" }).run;
    expect((await ask(id)).status).toBe(202);
    // It is asked again where the instance had no time to commit.
    expect(lookUps(id)).toBeGreaterThan(0);
  });

  it.each([
    ["its own attempt", { run_attempt: 9_000_000 }],
    ["the attempt of the run that asks", { via: { run_id: 30_433_642, run_attempt: 9_000_000 } }],
  ])("is refused when GitHub does not know %s", async (_, changes) => {
    const { event, run: told } = run({ action: "in_progress" });
    await host.sendEvent("primary", event);
    expect((await ask(told.id, changes)).status).toBe(403);
  });

  it("is refused in a dry run as well", async () => {
    expect((await ask(LAST, { dry_run: true })).status).toBe(403);
  });

  it("passes while GitHub cannot be asked, if GitHub may have made it since its newest event", async () => {
    cutOff();
    expect((await ask(run({ action: "in_progress" }).run.id)).status).toBe(202);
  });

  it.each([
    ["it is far above the newest event's", LAST, {}],
    ["its attempt is", 30_433_642, { run_attempt: 9_000_000 }],
  ])("waits (503) while GitHub cannot be asked and %s", async (_, runId, changes) => {
    cutOff();
    const answer = await ask(runId, changes);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
  });
});

it("a new installation takes a plausible run while GitHub is away, and no run of the far future", async () => {
  const host = await TestHost.create({ github: awayGitHub(), instances: ["primary"] });
  onTestFinished(() => host.close());
  await host.startInProcess("primary");
  expect((await host.request("primary", wanted(LAST))).status).toBe(503);
  expect((await host.request("primary", wanted(30_000_000_000))).status).toBe(202);
});
