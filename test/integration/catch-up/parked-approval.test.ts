import { expect, it, test } from "vitest";
import { signDelivery } from "../../../shared/delivery-signature.ts";
import { leftAudience } from "../../../shared/deployment-request.ts";
import { canonicalJson } from "../../../shared/json-text.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { setScans } from "../../helpers/scans.ts";
import { DELIVERY_SECRET } from "../../helpers/test-host.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";
import type { GitHub } from "../../simulator/simulator.ts";

const DEPLOY = ".github/workflows/deploy.yml";
const TARGET = testTarget({
  approval: "required",
  action: { secret_env: "SITE_DELIVERY_SECRET", workflows: [DEPLOY] },
});

/** The proof of a job that the run's end started. Without a name the job names no environment. */
function tokenFor(github: GitHub, request: { via: object; sha: string }, environment?: string) {
  const token = github.oidc.token({
    ...{ repository: "acme/site", repository_id: github.repository("acme/site").id },
    ...{ ...request.via, sha: request.sha, workflow: DEPLOY, event_name: "workflow_run" },
    aud: leftAudience("twinhook", canonicalJson(request)),
    ...(environment && { environment }),
  });
  return { authorization: `Bearer ${token}` };
}

async function parked(prove: (github: GitHub, request: { via: object; sha: string }) => object) {
  const scene = await setScans("sqlite", { targets: [TARGET] });
  const { github } = scene;
  const { run } = github.completeRun({ repository: "acme/site", send: false });
  const request = {
    ...{ repository: "acme/site", environment: "production", run_id: run.id, run_attempt: 1 },
    ...{ via: { run_id: run.id + 5, run_attempt: 1 }, sha: run.head_sha },
    ...{ ref: "refs/heads/main", workflow: DEPLOY },
  };
  const payload = { twinhook: request, proof: prove(github, request) };
  const id = await leaveRequest(github, { sha: run.head_sha, payload });
  await scene.scan();
  return { ...scene, run, statuses: () => github.statuses("acme/site", id) };
}

it("an approved job parks a request for the run that started it, and that deploys the run", async () => {
  const { run, deployments } = await parked((github, request) => tokenFor(github, request, "production"));
  expect(await deployments()).toMatchObject([{ run_id: run.id, source: "github_deployment" }]);
});

test.each<[string, Parameters<typeof parked>[0]]>([
  ["a token without an environment", (github, request) => tokenFor(github, request)],
  ["a token of another environment", (github, request) => tokenFor(github, request, "staging")],
  [
    "a delivery secret",
    (github, request) =>
      signDelivery(DELIVERY_SECRET, canonicalJson(request), { now: new Date(github.clock.now()) }),
  ],
  ["no proof", () => ({})],
])("a request that is parked with %s waits, and its Action hears why", async (_proof, prove) => {
  const { deployments, deliveries, statuses } = await parked(prove);
  expect(await deployments()).toEqual([]);
  expect((await deliveries()).map(({ outcome }) => outcome)).toEqual(["waiting", "waiting"]);
  expect(statuses()).toMatchObject([
    {
      state: "error",
      description: "Twinhook refuses: waits for an approved job of environment production",
    },
  ]);
});
