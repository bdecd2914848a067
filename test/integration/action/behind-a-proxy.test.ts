import { describe, expect, test } from "vitest";
import { runAction } from "../../helpers/action/run-action.ts";
import {
  answers,
  DeploymentStore,
  ScriptedEndpoint,
  type Step,
  works,
} from "../../helpers/action/scripted-endpoint.ts";
import { stepInputs } from "../../helpers/action/step-inputs.ts";
import { closeAtEnd } from "../../helpers/close-at-end.ts";

const keep = closeAtEnd();

/** Two endpoints that share their store, as twins do. */
async function twins(primary: readonly Step[], backup: readonly Step[]) {
  const store = new DeploymentStore();
  return [
    keep(await ScriptedEndpoint.start(primary, { store })),
    keep(await ScriptedEndpoint.start(backup, { store, name: "backup" })),
  ] as const;
}

const inputs = (urls: readonly string[]) =>
  stepInputs(urls, { "github-route": "never", "request-timeout": "60s" });

describe.concurrent("a page of something in front of the instances", () => {
  test.each([403, 404])("that each endpoint answers once with %i ends no reading back", async (status) => {
    const page = answers(status, "<html>something else</html>");
    const [primary, backup] = await twins([works, page, works], [page, works]);
    const step = await runAction(inputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "primary", verified: "true" } });
    expect(backup.reads.length).toBeGreaterThanOrEqual(1);
  });

  test("that each endpoint answers first keeps no request from being delivered", async () => {
    const page = answers(404, "<html>not here</html>");
    const [primary, backup] = await twins([page, works], [page, works]);
    const step = await runAction(inputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "primary", attempts: "3" } });
  });

  test("is told as a dead instance where the proxy says so, and without its markup in an annotation", async () => {
    const bad = answers(502, "<html><center><h1>502 Bad Gateway</h1></center><hr>nginx</html>");
    const [primary, backup] = await twins([bad], [works]);
    const step = await runAction(inputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { route: "backup" } });
    const warnings = step.stdout.match(/^::warning .*$/gm)?.join("\n");
    expect(warnings).toContain("the proxy answers 502: the instance behind it is down");
    expect(warnings).not.toMatch(/center|nginx|cannot accept/);
    expect(step.summary).toContain("502 Bad Gateway");
  });

  test("confirms nothing with 200, and the remedy asks whether a proxy strips the header", async () => {
    const bare: Step = ({ response, store }) =>
      void response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify({ ...store.read("dep_30433642_1"), status: "running" }));
    const [primary, backup] = await twins([works, bare, works], [bare]);
    const step = await runAction(inputs([primary.url, backup.url]));
    expect(step).toMatchObject({ exitCode: 0, outputs: { verified: "true" } });
    expect([primary.reads.length >= 2, backup.reads.length]).toEqual([true, 1]);
    expect(step.stdout).toContain("does a proxy strip the header Twinhook-Instance from its answers?");
  });
});
