import { expect, test } from "vitest";
import type { Deployment } from "../../../shared/deployment.ts";
import type { ScriptLine } from "../../campaign/deploy-script.ts";
import type { Evidence, ReceivedAlert } from "../../campaign/end-to-end/evidence.ts";
import { drawHistory, type Run } from "../../campaign/end-to-end/history.ts";
import { judge } from "../../campaign/end-to-end/rules.ts";

const LENGTH_MS = 40_000;
const URL = "http://127.0.0.1:1";

test("a seed draws the same history again, and another seed draws another one", () => {
  expect(drawHistory(7, LENGTH_MS)).toEqual(drawHistory(7, LENGTH_MS));
  expect(drawHistory(8, LENGTH_MS)).not.toEqual(drawHistory(7, LENGTH_MS));
});

/** Runs 1 to 3 of `acme/shop`, whose target `shop` has `queue: all`, all deployed. */
function allDeployed(): Evidence {
  const ids = [1, 2, 3];
  return {
    history: { ...drawHistory(1, LENGTH_MS), runs: ids.map(run) },
    happened: [],
    held: [],
    asked: [],
    completedAt: new Map(ids.map((id) => [`${id}.1`, id])),
    log: [],
    deployments: ids.map((id) => deployment(id)),
    guids: new Map(),
    status: {
      active: "primary",
      endpoints: [{ name: "primary", url: URL, priority: 0, status: "healthy" }],
      webhook: { in_sync: true },
    } as Evidence["status"],
    active: "primary",
    hookUrl: `${URL}/api/github/webhooks`,
    urls: [],
    journal: ids.flatMap((id) => [noted("start", id), noted("end", id)]),
    alerts: [],
    shown: new Map(ids.map((id) => [`dep_${id}`, [["queued", "success", "inactive"]]])),
  };
}

function run(id: number): Run {
  const [drawn] = drawHistory(1, LENGTH_MS).runs as [Run];
  const about = { repository: "acme/shop", branch: "main", targets: ["shop"], fails: false, job: null };
  return { ...drawn, ...about, id, guid: `guid-${id}`, attempt: 1, kind: "success", sending: "prompt" };
}

function deployment(id: number, changed: Partial<Deployment> = {}): Deployment {
  const known = { id: `dep_${id}`, target: "shop", run_id: id, run_attempt: 1, attempt: 1 };
  return { ...known, status: "succeeded", superseded_by: null, reason: null, ...changed } as Deployment;
}

function noted(what: ScriptLine["what"], id: number, attempt = 1): ScriptLine {
  const text = `${what} dep_${id} ${attempt}`;
  return { what, deployment: `dep_${id}`, attempt, runId: id, target: "shop", process: `${id} 1`, text };
}

function alert(changed: Partial<ReceivedAlert>): ReceivedAlert {
  const known = {
    id: "alert_1",
    kind: "failover",
    state: "event",
    subject: "",
    message: "msg_1",
    url: "",
    cause: "",
  };
  return { ...known, ...changed } as ReceivedAlert;
}

const brokenBy = (evidence: Evidence) => judge(evidence).map(({ rule }) => rule);

test("nothing speaks against runs that were all deployed once, in order, and shown", () => {
  expect(judge(allDeployed())).toEqual([]);
});

test("a run that is nowhere on record is a violation", () => {
  const evidence = allDeployed();
  evidence.deployments.pop();
  evidence.journal = evidence.journal.filter(({ runId }) => runId !== 3);
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("P7: every run")]);
});

test("an event that was answered with 2xx and is not on record is a violation", () => {
  const evidence = allDeployed();
  evidence.log = [{ event: "workflow_run", status: "OK", guid: "guid-1", url: URL }] as Evidence["log"];
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("P1")]);
});

test("an event that was answered with 2xx and had to be caught up with is a violation, unless GitHub also got an error", () => {
  const evidence = allDeployed();
  const answered = { event: "workflow_run", status: "OK", guid: "guid-1", url: URL };
  evidence.log = [answered] as Evidence["log"];
  evidence.guids.set("guid-1", "webhook");
  expect(judge(evidence)).toEqual([]);
  evidence.guids.set("guid-1", "catch_up");
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("on record before the answer")]);
  evidence.log = [answered, { ...answered, status: "failed to connect to host" }] as Evidence["log"];
  expect(judge(evidence)).toEqual([]);
});

test("a superseded run of a target with `queue: all` is a violation, unless a newer one ended before it", () => {
  const evidence = allDeployed();
  evidence.deployments[1] = deployment(2, { status: "superseded", superseded_by: "dep_3" });
  evidence.journal = evidence.journal.filter(({ runId }) => runId !== 2);
  evidence.shown.delete("dep_2");
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("nothing is superseded")]);
  evidence.completedAt.set("2.1", 4);
  expect(judge(evidence)).toEqual([]);
});

test("a first attempt may be superseded by its run's second one, which came first", () => {
  const evidence = allDeployed();
  const [, second] = evidence.history.runs as [Run, Run];
  evidence.history.runs.push({ ...second, attempt: 2 });
  const again = { id: "dep_2b", run_attempt: 2, accepted_at: new Date(1_000).toISOString() };
  evidence.deployments.push(deployment(2, again));
  evidence.shown.set("dep_2b", [["success"]]);
  evidence.shown.delete("dep_2");
  evidence.journal = evidence.journal.map((line) =>
    line.runId === 2 ? { ...line, deployment: "dep_2b" } : line,
  );
  const late = { status: "superseded", accepted_at: new Date(2_000).toISOString() } as const;
  evidence.deployments[1] = deployment(2, late);
  expect(judge(evidence)).toEqual([]);
  evidence.deployments[1] = deployment(2, { ...late, accepted_at: new Date(500).toISOString() });
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("nothing is superseded")]);
});

test("a re-run deploys by its event only if no Action had asked for the run before", () => {
  const evidence = allDeployed();
  const [, , third] = evidence.history.runs as [Run, Run, Run];
  evidence.history.runs.push({ ...third, attempt: 2 });
  const asked = { source: "action", accepted_at: new Date(2_000).toISOString() } as const;
  evidence.deployments[2] = deployment(3, asked);
  const rerun = { id: "dep_3b", run_attempt: 2, source: "webhook" } as const;
  evidence.deployments.push(deployment(3, { ...rerun, accepted_at: new Date(1_000).toISOString() }));
  evidence.shown.set("dep_3b", [["success"]]);
  evidence.journal.push(
    ...(["start", "end"] as const).map((what) => ({ ...noted(what, 3), deployment: "dep_3b" })),
  );
  expect(judge(evidence)).toEqual([]);
  evidence.deployments[3] = deployment(3, { ...rerun, accepted_at: new Date(3_000).toISOString() });
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("P2: a run has one deployment")]);
});

test("a command that starts after that of a newer run is a violation", () => {
  const evidence = allDeployed();
  evidence.journal = [3, 1, 2].flatMap((id) => [noted("start", id), noted("end", id)]);
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("in the order of its runs")]);
});

test("a second attempt is a violation, unless a worker was killed", () => {
  const evidence = allDeployed();
  evidence.deployments[2] = deployment(3, { attempt: 2 });
  evidence.journal.push(noted("start", 3, 2), noted("end", 3, 2));
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("only after its worker was killed")]);
  const fault = { what: "kill", whom: "runner", number: 1, atMs: 0 } as const;
  evidence.happened = [{ fault, at: 0, active: "primary", hit: ["runner 4711 dep_3 1"] }];
  expect(judge(evidence)).toEqual([]);
});

test("a failure without its alert is a violation, and so is an alert in two messages", () => {
  const evidence = allDeployed();
  (evidence.history.runs[2] as Run).fails = true;
  evidence.deployments[2] = deployment(3, { status: "failed" });
  evidence.shown.set("dep_3", [["queued", "failure"]]);
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("every failed deployment has an alert")]);
  const told = { kind: "deployment_failed", state: "firing", url: `${URL}/deployments/dep_3` };
  evidence.alerts = [alert(told)];
  expect(judge(evidence)).toEqual([]);
  evidence.alerts.push(alert({ ...told, message: "msg_2" }));
  expect(brokenBy(evidence)).toEqual([expect.stringContaining("in one message")]);
});

test("a green step of the Action without a command that began is a violation", () => {
  const evidence = allDeployed();
  const [first] = evidence.history.runs as [Run];
  const job = { target: "shop", waitFor: "started", afterMs: 0, approved: false } as const;
  const said = { exitCode: 0, deployment: "dep_1", status: "running", route: "primary", verified: true };
  evidence.asked = [{ run: first, job, ...said }];
  expect(judge(evidence)).toEqual([]);
  evidence.asked = [{ run: first, job, ...said, deployment: "dep_9" }];
  expect(brokenBy(evidence)).toContain("a step of the Action is green only if what it waited for is so");
});

test("a run that begins on a held target is a violation", () => {
  const evidence = allDeployed();
  evidence.deployments[2] = deployment(3, { started_at: new Date(1_500).toISOString() });
  evidence.held = [{ target: "shop", from: 1_000, until: 2_000 }];
  evidence.alerts = [
    alert({ kind: "held", state: "firing" }),
    alert({ id: "alert_2", kind: "held", state: "resolved" }),
  ];
  expect(brokenBy(evidence)).toEqual(["on a held target nothing begins"]);
});
