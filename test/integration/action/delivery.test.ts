import { describe, expect, test } from "vitest";
import { checkDelivery } from "../../../shared/delivery-signature.ts";
import { runAction } from "../../helpers/action/run-action.ts";
import {
  acceptsSilently,
  answers,
  BY_INSTANCE,
  blackHole,
  cutsOff,
  DeploymentStore,
  deploymentFor,
  drips,
  refusingUrl,
  resets,
  ScriptedEndpoint,
  type Step,
  TEST_SECRET,
  works,
} from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";

const keep = closeAtEnd();

async function endpoint(steps: readonly Step[], options: Parameters<typeof ScriptedEndpoint.start>[1] = {}) {
  return keep(await ScriptedEndpoint.start(steps, options));
}

describe.concurrent("a healthy primary", () => {
  test("takes the request, is read back, and the backup hears nothing", async () => {
    const primary = await endpoint([works]);
    const backup = await endpoint([works]);
    const step = await runAction(stepInputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, stderr: "" });
    expect(step.outputs).toMatchObject({
      "deployment-id": "dep_30433642_1",
      status: "running",
      route: "primary",
      endpoint: primary.url,
      attempts: "1",
      "failed-over": "false",
      verified: "true",
      url: "https://deploy.example.com/deployments/dep_1",
    });
    expect(JSON.parse(step.outputs.report ?? "")).toMatchObject({
      verdict: "confirmed",
      delivered: true,
      confirmed: true,
    });
    expect(step.summary).toMatch(/\*\*Delivered:\*\* yes[\s\S]*\*\*Confirmed:\*\* yes/);
    expect(step.stdout).not.toMatch(/::(warning|error|notice)/);
    expect(backup.arrivals).toEqual([]);
  });

  test("gets signed requests: the body on POST, the empty body on GET", async () => {
    const primary = await endpoint([works], { path: "/twin" });
    await runAction(stepInputs([`${primary.url}/`], { target: "web", payload: '{"note":"ü"}' }));
    const [post, get] = primary.arrivals;
    expect(post).toMatchObject({ method: "POST", path: "/twin/api/deployments" });
    expect(get).toMatchObject({
      method: "GET",
      path: "/twin/api/deployments/dep_30433642_1?wait=10&for=started",
    });
    for (const arrival of [post, get])
      expect(
        checkDelivery(TEST_SECRET, arrival?.body ?? "-", arrival?.headers as Record<string, string>),
      ).toBeNull();
    expect(get?.body).toBe("");
    expect(post?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(post?.body ?? "")).toEqual({ ...REQUEST, target: "web", payload: { note: "ü" } });
  });

  test("gets the payload letter by letter", async () => {
    const primary = await endpoint([works]);
    const payload = '{ "id": 9007199254740993, "huge": 1e400 }';
    await runAction(stepInputs([primary.url], { payload }));
    expect(primary.arrivals[0]?.body).toContain(`"payload":${payload}`);
  });

  test("that has another payload on record ends the step at once, with what to do", async () => {
    const refusal = "another payload is on record for this run attempt; name two targets, or ask in one step";
    const document = JSON.stringify({ status: 409, title: "Conflict", detail: refusal });
    const refuses = answers(409, document, { ...BY_INSTANCE, "content-type": "application/problem+json" });
    const [primary, backup] = [await endpoint([refuses]), await endpoint([refuses])];
    const step = await runAction(stepInputs([primary.url, backup.url], { payload: "{}" }));
    expect(step).toMatchObject({ exitCode: 1, outputs: { attempts: "2", verified: "false" } });
    expect(step.summary).toContain(refusal);
    expect(step.summary).toContain("give each step a target of its own");
  });
});

describe.concurrent("a primary that fails", () => {
  const failures: [string, Step, RegExp][] = [
    ["takes the request and never answers", blackHole, /no complete answer within 1 s/],
    ["sends its answer a byte at a time without end", drips, /no complete answer within 1 s/],
    [
      "breaks the connection off",
      resets,
      /connection broken off before the answer was complete \(ECONNRESET\)/,
    ],
    [
      "breaks off in the middle of the answer",
      cutsOff,
      /connection broken off before the answer was complete/,
    ],
    ["answers 500", answers(500), /answered 500/],
    ["answers 503", answers(503), /answered 503/],
    ["answers 404", answers(404), /refused with 404/],
    ["answers 401", answers(401), /refused with 401/],
    [
      "redirects",
      answers(307, "", { location: "/elsewhere?a=b" }),
      /it redirects to http:\/\/127\.0\.0\.1:\d+\/elsewhere/,
    ],
    ["redirects to nowhere", answers(302, ""), /it redirects/],
    ["answers with a page", answers(200, "<html>welcome</html>"), /answered 200, but not by an instance/],
    ["answers with another document", answers(200, { ok: true }), /the answer is not a deployment/],
    [
      "answers about another run",
      answers(202, deploymentFor({ ...REQUEST, run_id: 1 })),
      /`run_id`|run&#95;id/,
    ],
    [
      "answers with more than anyone may send",
      answers(200, "x".repeat(1_100_000)),
      /longer than 1048576 bytes/,
    ],
  ];
  test.each(failures)(
    "because it %s is replaced by the backup in the same round",
    async (_, failure, cause) => {
      const primary = await endpoint([failure]);
      const backup = await endpoint([works], { name: "backup" });
      const step = await runAction(stepInputs([primary.url, backup.url]));
      expect(step.exitCode).toBe(0);
      expect(step.outputs).toMatchObject({
        route: "backup",
        endpoint: backup.url,
        attempts: "2",
        "failed-over": "true",
        verified: "true",
      });
      expect(primary.deliveries).toHaveLength(1);
      expect(step.summary).toMatch(cause);
      expect(step.stdout.match(/^::notice /gm)).toHaveLength(1);
      expect(step.stdout.match(/^::warning /gm)).toHaveLength(1);
      expect(step.stdout).not.toMatch(/^::error/m);
      expect(step.stdout).toMatch(cause);
    },
  );

  test("because nothing listens there is replaced by the backup", async () => {
    const backup = await endpoint([works]);
    const step = await runAction(stepInputs([refusingUrl(), backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "backup", attempts: "2" } });
    expect(step.summary).toContain("connection refused (ECONNREFUSED)");
  });

  test("because its answer is lost has accepted all the same, and the backup finds the one deployment", async () => {
    const store = new DeploymentStore();
    const primary = await endpoint([acceptsSilently], { store });
    const backup = await endpoint([works], { store, name: "backup" });
    const step = await runAction(stepInputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "backup", verified: "true" } });
    expect(store.byId.size).toBe(1);
    expect(JSON.parse(step.outputs.report ?? "")).toMatchObject({ deployment: { duplicate: true } });
    expect(step.summary).toContain("It was on record already (a duplicate).");
  });

  test("and a backup that fails too are tried again in the next round", async () => {
    const primary = await endpoint([answers(503), answers(500), works]);
    const step = await runAction(stepInputs([primary.url]));
    expect(step).toMatchObject({
      exitCode: 0,
      outputs: { route: "primary", attempts: "3", verified: "true" },
    });
    expect(step.stdout).not.toMatch(/^::(warning|notice|error)/m);
  });

  test("for good is passed over in later rounds, and does not condemn the next endpoint", async () => {
    const primary = await endpoint([answers(403)]);
    const backup = await endpoint([answers(500), answers(500), works]);
    const step = await runAction(stepInputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "backup", attempts: "4" } });
    expect(primary.deliveries).toHaveLength(1);
  });

  test("and asks for time (Retry-After) is left alone until then", async () => {
    const primary = await endpoint([answers(429, undefined, { "retry-after": "1" }), works]);
    const step = await runAction(stepInputs([primary.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { attempts: "2" } });
    const [first, second] = primary.deliveries;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });
});

describe.concurrent("when every route is exhausted", () => {
  test("the step is red after the given rounds, with one error and the remedies", async () => {
    const primary = await endpoint([answers(500, { title: "Broken", detail: "disk full" })]);
    const backup = await endpoint([answers(403)]);
    const step = await runAction(stepInputs([primary.url, backup.url], { "max-attempts": "3" }));
    expect(step.exitCode).toBe(1);
    expect(primary.deliveries).toHaveLength(3);
    expect(backup.deliveries).toHaveLength(1);
    expect(step.outputs).toMatchObject({
      "deployment-id": "",
      status: "",
      route: "",
      endpoint: "",
      attempts: "4",
      "failed-over": "false",
      verified: "false",
      url: "",
    });
    expect(step.stdout.match(/^::error /gm)).toHaveLength(1);
    expect(step.stdout.match(/^::warning /gm)).toHaveLength(2);
    expect(step.summary).toContain("was not delivered");
    expect(step.summary).toContain("disk full");
    expect(step.summary).toContain("action.workflows");
  });

  test("nothing is tried again once all refused for good", async () => {
    const primary = await endpoint([answers(403)]);
    const step = await runAction(stepInputs([primary.url]));
    expect(step).toMatchObject({ exitCode: 1, outputs: { attempts: "1" } });
    expect(step.summary).toContain("refused it for good");
  });

  test("the step ends at its time limit, whatever the endpoints do", async () => {
    const primary = await endpoint([blackHole]);
    const step = await runAction(stepInputs([primary.url], { timeout: "3s", "request-timeout": "5m" }));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("no route accepted it within 3 s");
    expect(step.summary).toContain("may have been accepted all the same");
  });

  test("the step does not wait for a pause that ends after its time limit", async () => {
    const primary = await endpoint([answers(503, undefined, { "retry-after": "86400" })]);
    const step = await runAction(stepInputs([primary.url], { timeout: "30s" }));
    expect(step.exitCode).toBe(1);
    expect(step.summary).toContain("the next try would come too late");
  });
});

describe.concurrent("a step that is not set up correctly", () => {
  test("is red, names every problem at once, and sends nothing", async () => {
    const primary = await endpoint([works]);
    const step = await runAction({ endpoints: primary.url, environment: "", timeout: "soon" });
    expect(step.exitCode).toBe(1);
    expect(primary.arrivals).toEqual([]);
    for (const text of [step.summary, step.stdout]) {
      expect(text).toContain("environment: expected");
      expect(text).toContain("timeout: expected");
      expect(text).toContain("secret: expected");
    }
    expect(step.outputs).toMatchObject({ verified: "false", attempts: "0" });
  });

  test("is red when the runner sets neither output nor summary file, and when both cannot be written", async () => {
    const missing = await runAction({}, { GITHUB_OUTPUT: undefined, GITHUB_STEP_SUMMARY: undefined });
    expect(missing.exitCode).toBe(1);
    expect(missing.stdout).toContain("No job summary");
    const unwritable = await runAction(
      {},
      { GITHUB_OUTPUT: "/nowhere/o", GITHUB_STEP_SUMMARY: "/nowhere/s" },
    );
    expect(unwritable.exitCode).toBe(1);
    expect(unwritable.stdout).toContain("The job summary could not be written");
  });

  test("is green without those files when the deployment is confirmed", async () => {
    const primary = await endpoint([works]);
    const step = await runAction(stepInputs([primary.url]), {
      GITHUB_OUTPUT: undefined,
      GITHUB_STEP_SUMMARY: undefined,
    });
    expect(step.exitCode).toBe(0);
  });
});

describe.concurrent("what an endpoint sends", () => {
  const EVIL = "::set-output name=verified::false\n::error::owned\n##[add-mask]x\u001b[31m\u202e <img src=x>";

  test("executes nothing in the log and becomes no markup in the summary", async () => {
    const primary = await endpoint([answers(500, EVIL, BY_INSTANCE)]);
    const store = new DeploymentStore();
    store.script = ["queued", "failed"];
    store.override = { reason: EVIL, log_tail: EVIL, accepted_by: EVIL, superseded_by: EVIL };
    store.override.url = "javascript:alert(1)//##[add-mask]x";
    const backup = await endpoint([works], { store });
    const step = await runAction(stepInputs([primary.url, backup.url], { "wait-for": "succeeded" }));
    expect(step.exitCode).toBe(1);
    expect(commandsThatRun(step.stdout).filter((name) => !/^(end)?group$/.test(name))).toEqual([
      "add-mask",
      "add-mask",
      "notice",
      "warning",
      "error",
    ]);
    for (const text of [step.stdout, step.summary])
      for (const unseen of ["\u001b", "\u202e"]) expect(text).not.toContain(unseen);
    expect(step.summary).not.toMatch(/<img|javascript:/);
    expect(step.outputs.url).toBe("");
  });

  test("does not bring the secret back into log, summary or outputs", async () => {
    const primary = await endpoint([
      ({ response }) =>
        void response
          .writeHead(400, BY_INSTANCE)
          .end(`you sent ${"x".repeat(480)}${TEST_SECRET}${"x".repeat(1_445)}${TEST_SECRET.slice(6)}`),
    ]);
    const step = await runAction(stepInputs([primary.url]));
    const [mask, maskOfKey, ...rest] = step.stdout.split("\n");
    expect([mask, maskOfKey]).toEqual([`::add-mask::${TEST_SECRET}`, `::add-mask::${TEST_SECRET.slice(6)}`]);
    for (const text of [rest.join("\n"), step.summary, JSON.stringify(step.outputs)])
      expect(text).not.toContain(TEST_SECRET.slice(6));
    expect(step.summary).toContain("you sent");
    // The body holds it where the report and the summary cut: no part of it may be left over there.
    for (const text of [step.summary, step.outputs.report])
      expect(text).not.toContain(TEST_SECRET.slice(6, 14));
  });
});

/** The names of the workflow commands that a runner would carry out, in order. */
function commandsThatRun(stdout: string): string[] {
  const names: string[] = [];
  let stoppedBy: string | null = null;
  for (const line of stdout.split("\n")) {
    const [, name = "", value = ""] = /^\s*::([^ :]+).*?::(.*)$/.exec(line) ?? [];
    if (stoppedBy !== null) {
      if (name === stoppedBy) stoppedBy = null;
    } else if (name === "stop-commands") stoppedBy = value;
    else if (name !== "") names.push(name);
  }
  return names;
}
