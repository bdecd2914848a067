import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { TokenMadeAnswer } from "../../../app/reads/answers/token.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { DEPLOYMENTS_PATH } from "../../../shared/deployment-request.ts";
import { eventually } from "../../helpers/eventually.ts";
import { openToRead } from "../../helpers/open-to-read.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

it("a token of a target acts on its deployments also after the repository was renamed at GitHub", async () => {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const { id } = github.addRepository("acme/site");
  const host = await TestHost.create({ github, instances: ["primary"] });
  onTestFinished(() => host.close());
  await host.startInProcess("primary");
  const made = await host.admin("primary", "POST", "/api/tokens", {
    name: "bot",
    scopes: ["deploy:acme/site/production"],
  });
  const { token } = (await made.json()) as TokenMadeAnswer;
  const store = openToRead(join(host.stateDirectory, "twinhook.db"));
  onTestFinished(() => store.close());
  await eventually(() => expect(store.prepare("select id from repositories").get()).toEqual({ id }));

  github.renameRepository("acme/site", "acme/shop");
  const payload = workflowRunPayload({ repository: "acme/shop", repositoryId: id, runId: 501 });
  // The instance reads the id after it is on record.
  const deployed = await eventually(async () => {
    const answer = await host.sendEvent("primary", payload);
    const { deployments } = (await answer.json()) as { deployments: { id: string }[] };
    expect(deployments).toHaveLength(1);
    return deployments[0]?.id ?? "";
  });
  const done = await host.deployment("primary", deployed, ({ status }: Deployment) => status === "succeeded");
  expect(done.repository).toBe("acme/shop");
  const answer = await fetch(host.url("primary", `${DEPLOYMENTS_PATH}/${deployed}/retry`), {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
  });
  // It has the right: a deployment that succeeded is not retried.
  expect(answer.status).toBe(409);
});
