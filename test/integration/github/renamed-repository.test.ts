import { expect, it } from "vitest";
import { parseDeploymentRequest } from "../../../app/accept/deployment-request.ts";
import { RepositoryNames } from "../../../app/accept/repository-names.ts";
import { KnownRuns } from "../../../app/auth/known-runs.ts";
import { reevaluate } from "../../../app/catch-up/reevaluate.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";

/** A repository with a run, and a request of an Action for it. `rename` lets another repository take its old name. */
async function scene() {
  const targets = [testTarget({ queue: "all" })];
  const names = new RepositoryNames(targets);
  const scans = await setScans("sqlite", { targets, names });
  const { github } = scans;
  const { id } = github.repository("acme/site");
  const { run } = github.completeRun({ repository: "acme/site", send: false });
  let renamedAt = 0;
  return {
    ...scans,
    ...{ targets, names, run },
    request: {
      ...{ repository: "acme/site", environment: "production", run_id: run.id, run_attempt: 1 },
      ...{ sha: run.head_sha, ref: "refs/heads/main", workflow: ".github/workflows/ci.yml" },
    },
    rename() {
      github.renameRepository("acme/site", "acme/shop");
      const { id: taken_by } = github.addRepository("acme/site", { id: 99 });
      names.set([{ name: "acme/site", id, full_name: "acme/shop", taken_by }]);
      renamedAt = github.requests.length;
    },
    /** What GitHub was asked about the other repository. */
    askedOfOther: () =>
      github.requests
        .slice(renamedAt)
        .flatMap(({ method, path }) => (path.startsWith("/repos/acme/site/") ? `${method} ${path}` : [])),
  };
}

it("requests that an Action parked in a renamed repository are found and answered there", async () => {
  const { github, run, request, rename, scan, deployments, askedOfOther } = await scene();
  await leaveRequest(github, { sha: run.head_sha, payload: { twinhook: request } });
  const moon = { ...request, environment: "moon" };
  const refused = await leaveRequest(github, { sha: run.head_sha, payload: { twinhook: moon } });
  rename();
  await scan();
  expect(await deployments()).toMatchObject([{ run_id: run.id, source: "github_deployment" }]);
  expect(github.statuses("acme/shop", refused)).toMatchObject([{ state: "error" }]);
  expect(askedOfOther()).toEqual([]);
});

it("a run of a renamed repository that nobody has told of is known there", async () => {
  const { store, access, clock, request, rename, askedOfOther } = await scene();
  rename();
  const parsed = parseDeploymentRequest(request, { admin: false });
  if ("problem" in parsed) throw new Error(parsed.problem);
  await new KnownRuns(store, { access, clock }).require(parsed.request);
  expect(askedOfOther()).toEqual([]);
});

it("an event of a renamed repository is judged again by its run there", async () => {
  const { access, targets, names, run, rename, askedOfOther } = await scene();
  rename();
  const row = {
    ...{ id: "del_1", guid: "guid-1", source: "webhook", event: "workflow_run", action: "completed" },
    ...{ repository: "acme/site", run_id: run.id, run_attempt: 1 },
  } as Parameters<typeof reevaluate>[1];
  const arrival = await reevaluate(await access.octokit("acme/site"), row, {
    ...{ targets, names, signal: new AbortController().signal },
    verifyProof: async () => null,
  });
  expect(arrival).toMatchObject({ repository: "acme/site", targets });
  expect(askedOfOther()).toEqual([]);
});
