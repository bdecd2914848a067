import { expect, test } from "vitest";
import type { Deployment } from "../../../shared/deployment.ts";
import type { ScriptLine } from "../../campaign/deploy-script.ts";
import { drawHangPlan, type PlannedRun } from "../../campaign/hang-plan.ts";
import { type HangEvidence, judgeHangs } from "../../campaign/hang-verdict.ts";

const SIZE = { hangs: 3, longestHangMs: 12_000, longestPauseMs: 20_000, longestLateMs: 20_000 };

test("a seed draws the same hangs again, and another seed draws others", () => {
  expect(drawHangPlan({ seed: 7, ...SIZE })).toEqual(drawHangPlan({ seed: 7, ...SIZE }));
  expect(drawHangPlan({ seed: 8, ...SIZE })).not.toEqual(drawHangPlan({ seed: 7, ...SIZE }));
});

/** Runs 1 to 3 of `acme/shop`, whose target `shop` has `queue: all`, all deployed. */
function allDeployed(): HangEvidence {
  const ids = [1, 2, 3];
  return {
    plan: { ...drawHangPlan({ seed: 1, ...SIZE }), runs: ids.map((id) => run(id)) },
    happened: [],
    deliveries: [],
    deployments: ids.map((id) => deployment(id)),
    journal: ids.flatMap((id) => [noted("start", id), noted("end", id)]),
    observed: [],
  };
}

function run(id: number): PlannedRun {
  const targets = ["shop"];
  return { id, guid: `guid-${id}`, repository: "acme/shop", branch: "main", kind: "success", targets };
}

function deployment(id: number, changed: Partial<Deployment> = {}): Deployment {
  const known = { id: `dep_${id}`, target: "shop", run_id: id, status: "succeeded", superseded_by: null };
  return { ...known, ...changed } as Deployment;
}

function noted(what: ScriptLine["what"], id: number): ScriptLine {
  const text = `${what} dep_${id}`;
  return { what, deployment: `dep_${id}`, attempt: 1, runId: id, target: "shop", process: `${id} 1`, text };
}

const rulesBrokenBy = (evidence: HangEvidence) => judgeHangs(evidence).map(({ rule }) => rule);

test("nothing speaks against runs that were all deployed once and in order", () => {
  expect(judgeHangs(allDeployed())).toEqual([]);
});

test("a superseded run of a target with `queue: all` is a violation", () => {
  const evidence = allDeployed();
  evidence.deployments[1] = deployment(2, { status: "superseded", superseded_by: "dep_3" });
  evidence.journal = evidence.journal.filter(({ runId }) => runId !== 2);
  expect(rulesBrokenBy(evidence)).toEqual([expect.stringContaining("nothing is superseded")]);
});

test("a run that is nowhere on record is a violation", () => {
  const evidence = allDeployed();
  evidence.deployments.pop();
  evidence.journal = evidence.journal.filter(({ runId }) => runId !== 3);
  expect(rulesBrokenBy(evidence)).toEqual([expect.stringContaining("on record once")]);
});

test("a command that starts after that of a newer run is a violation", () => {
  const evidence = allDeployed();
  evidence.journal.sort((a, b) => b.runId - a.runId);
  expect(rulesBrokenBy(evidence)).toEqual([expect.stringContaining("in the order of its runs")]);
});

test("a command that starts twice is a violation", () => {
  const evidence = allDeployed();
  evidence.journal.push(noted("start", 3), noted("end", 3));
  expect(rulesBrokenBy(evidence)).toEqual([
    expect.stringContaining("its command ran once"),
    expect.stringContaining("in the order of its runs, each run once"),
  ]);
});
