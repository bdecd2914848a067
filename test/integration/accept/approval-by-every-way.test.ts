import { describe, expect, it } from "vitest";
import type { DeliveryAnswer } from "../../../app/reads/answers/delivery.ts";
import type { TargetAnswer } from "../../../app/reads/answers/target.ts";
import { DEPLOYMENTS_PATH } from "../../../shared/deployment-request.ts";
import { pointHookTo, REPOSITORY, type Scene, setSceneWhileDown } from "../../e2e/twins.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ENGINES } from "../../helpers/stores.ts";
import { ADMIN_TOKEN } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import type { SentRun } from "../../simulator/complete-run.ts";
import { leaveRequest } from "../../simulator/leave-request.ts";

const CI = ".github/workflows/ci.yml";
const WAITS = "waits for an approved job of environment production";
const OVER = "a newer run has been deployed already";

function requestFor({ run }: SentRun) {
  const { id: run_id, head_sha: sha } = run;
  const key = { repository: REPOSITORY, environment: "production", run_id, run_attempt: 1, sha };
  return { ...key, ref: "refs/heads/main", workflow: CI };
}

/** The request of a job of this run. Without a name the job names no environment. */
function askAsJob({ github, host }: Scene, sent: SentRun, environment?: string): Promise<Response> {
  const { run_id, sha, ref } = requestFor(sent);
  const claims = { aud: "twinhook", run_id, sha, ref, workflow: CI, ...(environment && { environment }) };
  return fetch(host.url("primary", DEPLOYMENTS_PATH), {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${github.oidc.token({ repository: REPOSITORY, ...claims })}`,
    },
    body: JSON.stringify(requestFor(sent)),
  });
}

async function itemsOf<T>({ host }: Scene, path: string): Promise<T[]> {
  return ((await (await host.admin("primary", "GET", path)).json()) as { items: T[] }).items;
}

describe.each(ENGINES)("a protected environment, on %s", (engine) => {
  it("gets no deployment by any of the five ways before its approval, and one after it", async () => {
    const scene = await setSceneWhileDown(engine, {
      instances: ["primary"],
      targets: [{ approval: "auto" }],
    });
    const { github, host } = scene;
    github.protect(REPOSITORY, "Production");
    pointHookTo(scene, "primary");
    const complete = (send: boolean) => github.completeRun({ repository: REPOSITORY, send });
    const undelivered = complete(true);
    await undelivered.done;
    const unsent = complete(false);
    const parked = complete(false);
    await leaveRequest(github, { sha: parked.run.head_sha, payload: { twinhook: requestFor(parked) } });
    await host.startInProcess("primary");
    await eventually(async () =>
      expect(await itemsOf<TargetAnswer>(scene, "/api/targets")).toMatchObject([{ approval: "required" }]),
    );
    const delivered = complete(false);
    const answer = await host.sendEvent("primary", delivered.event);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ outcome: "waiting", reason: WAITS, deployments: [] });
    const bySecret = await host.request("primary", requestFor(delivered));
    expect(bySecret.status).toBe(403);
    expect(await bySecret.json()).toMatchObject({
      type: "urn:twinhook:problem:approval",
      detail:
        "only an approved job of the environment production may deploy production of acme/site, and a delivery secret proves no approval; " +
        'give the job the lines "environment: production" and "permissions: { id-token: write }", and remove the input secret',
    });
    const withoutClaim = await askAsJob(scene, delivered);
    expect(withoutClaim.status).toBe(403);
    expect(await withoutClaim.text()).toContain("the job's token names no environment");

    const sentRuns = [undelivered, unsent, parked, delivered];
    const outcomes = async () => {
      const items = await itemsOf<DeliveryAnswer>(scene, "/api/deliveries?per_page=100");
      return sentRuns.map(({ run }) => [
        ...new Set(
          items.filter(({ run_id }) => run_id === run.id).map((one) => `${one.outcome}: ${one.reason}`),
        ),
      ]);
    };
    const waits = [`waiting: ${WAITS}`];
    await eventually(async () => expect(await outcomes()).toEqual([waits, waits, waits, waits]));
    expect(await host.deployments("primary")).toEqual([]);

    const person = new Visitor(host.url("primary"));
    await person.signInWithToken(ADMIN_TOKEN);
    const settings = await (await person.get("/settings", { accept: "text/html" })).text();
    expect(settings).toContain(
      "GitHub protects production by required reviewers: only an approved job starts a deployment, and events wait for it",
    );
    expect(await (await person.get("/deliveries?outcome=waiting", { accept: "text/html" })).text()).toContain(
      WAITS,
    );

    const approved = await askAsJob(scene, delivered, "production");
    expect(approved.status, await approved.clone().text()).toBe(202);
    const { id } = (await approved.json()) as { id: string };
    expect(await host.deployment("primary", id, ({ status }) => status === "succeeded")).toMatchObject({
      run_id: delivered.run.id,
    });
    expect(await host.deployments("primary")).toHaveLength(1);
    expect(host.trace().map(({ runId }) => runId)).toEqual([delivered.run.id, delivered.run.id]);
    const over = [`superseded: ${OVER}`];
    expect((await outcomes()).slice(0, 3)).toEqual([over, over, over]);
  });
});

it("an Action is refused where only events may deploy", async () => {
  const scene = await setSceneWhileDown("sqlite", {
    instances: ["primary"],
    targets: [{ routes: ["event"] }],
  });
  const { github, host } = scene;
  await host.startInProcess("primary");
  const sent = github.completeRun({ repository: REPOSITORY, send: false });
  for (const answer of [
    await host.request("primary", requestFor(sent)),
    await askAsJob(scene, sent, "production"),
  ]) {
    expect(answer.status).toBe(403);
    expect(await answer.json()).toMatchObject({
      type: "urn:twinhook:problem:route",
      detail:
        "Actions may not deploy production (routes: [event]); add action to its routes in twinhook.yml, or remove the step",
    });
  }
});
