import { describe, expect, test } from "vitest";
import { jobAt, MAY_DEPLOY } from "../../helpers/action/github-job.ts";
import { runAction } from "../../helpers/action/run-action.ts";
import {
  answers,
  deploymentFor,
  refusingUrl,
  ScriptedEndpoint,
  type Step,
} from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";
import { startGitHub } from "../../simulator/simulator.ts";

const keep = closeAtEnd();

async function endpoint(step: Step) {
  return keep(await ScriptedEndpoint.start([step]));
}

const inputs = (urls: readonly string[], more: Record<string, string> = {}) =>
  stepInputs(urls, {
    "dry-run": "true",
    ...more,
  });

/** As an instance answers a dry run: nothing is on record, so there is no id. */
const accepts = (headers: Record<string, string> = {}): Step =>
  answers(200, { ...deploymentFor(REQUEST), id: null, url: null, dry_run: true }, headers);

async function githubFor(permissions = MAY_DEPLOY) {
  const github = keep(await startGitHub());
  github.addRepository("acme/site");
  return { github, ...jobAt(github, permissions) };
}

/** The rows of the table of routes. */
const rows = (summary: string) =>
  [...summary.matchAll(/<tr>((?:<td>.*?<\/td>)+)<\/tr>/g)]
    .map(([, cells = ""]) => cells.split(/<\/?td>/).filter((cell) => cell !== ""))
    .filter(([, step]) => step === "check");

describe.concurrent("a dry run", () => {
  test("asks every route once, deploys nothing, and shows that all would do", async () => {
    const { github, inputs: job, env } = await githubFor();
    const [primary, backup] = [await endpoint(accepts()), await endpoint(accepts())];
    const step = await runAction(inputs([primary.url, backup.url], job), env);
    expect(step).toMatchObject({
      exitCode: 0,
      outputs: { route: "primary", verified: "false", "deployment-id": "", attempts: "3" },
    });
    for (const { deliveries, reads } of [primary, backup]) {
      expect(deliveries.map(({ body }) => JSON.parse(body))).toMatchObject([{ dry_run: true }]);
      expect(reads).toEqual([]);
    }
    expect(github.deployments("acme/site")).toEqual([]);
    expect(step.summary).toContain("would be accepted by every route (3): a dry run");
    expect(rows(step.summary).map(([, , , , status, result, clock]) => [status, result, clock])).toEqual([
      ["200", "would accept it", "in step"],
      ["200", "would accept it", "in step"],
      ["422", "the request could be left there", "unknown"],
    ]);
  });

  test("is red when one endpoint would not, and goes on to the others", async () => {
    const backup = await endpoint(accepts());
    const step = await runAction(inputs([refusingUrl(), backup.url]));
    expect(step).toMatchObject({ exitCode: 1, outputs: { route: "backup", verified: "false" } });
    expect(step.summary).toContain("would not be accepted by 1 of 2 routes (primary)");
    expect(step.stdout.match(/^::warning /gm)).toHaveLength(1);
    expect(backup.deliveries).toHaveLength(1);
  });

  test("says which target, workflow or secret does not fit", async () => {
    const refused = { title: "Not Found", detail: "no target is configured for acme/site" };
    const primary = await endpoint(answers(404, refused));
    const step = await runAction(inputs([primary.url]));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("no target is configured for acme/site");
    expect(step.summary).toContain("twinhook.yml");
  });

  test("warns of a clock that differs, by how much and in which direction", async () => {
    const behind = new Date(Date.now() - 240_000).toUTCString();
    const primary = await endpoint(accepts({ date: behind }));
    const step = await runAction(inputs([primary.url]));
    expect(step.exitCode).toBe(0);
    expect(rows(step.summary)[0]?.[6]).toMatch(/^(3 min 59 s|4 min( \d s)?) behind$/);
    expect(step.stdout).toMatch(/^::warning .*its clock is .* behind this runner's/m);
  });

  test("warns when the job may leave nothing at GitHub, and is green all the same", async () => {
    const { inputs: job, env } = await githubFor({ contents: "read" });
    const primary = await endpoint(accepts());
    const step = await runAction(inputs([primary.url], job), env);
    expect(step.exitCode).toBe(0);
    expect(step.summary).toContain("would not be accepted by 1 of 2 routes (GitHub)");
    expect(step.stdout).toMatch(/^::warning .*deployments: write/m);
  });

  test("tells what is on record already", async () => {
    const primary = await endpoint(
      answers(200, { ...deploymentFor(REQUEST), duplicate: true, status: "succeeded" }),
    );
    const step = await runAction(inputs([primary.url]));
    expect(rows(step.summary)[0]?.[5]).toBe("has it on record already (succeeded)");
  });
});
