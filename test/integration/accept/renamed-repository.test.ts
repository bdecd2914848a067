import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Deployment } from "../../../shared/deployment.ts";
import { eventually } from "../../helpers/eventually.ts";
import { openToRead } from "../../helpers/open-to-read.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

it("events and requests count under a repository's new name, and not those of one that takes the old name", async () => {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const { id } = github.addRepository("acme/site");
  const host = await TestHost.create({ github, instances: ["primary"] });
  onTestFinished(() => host.close());
  await host.startInProcess("primary");
  const store = openToRead(join(host.stateDirectory, "twinhook.db"));
  onTestFinished(() => store.close());
  await eventually(() => expect(store.prepare("select id from repositories").get()).toEqual({ id }));

  github.renameRepository("acme/site", "acme/shop");
  const send = async (repository: string, repositoryId: number, runId: number) => {
    const payload = workflowRunPayload({ repository, repositoryId, runId });
    return (await host.sendEvent("primary", payload)).json() as Promise<{ outcome: string; reason: string }>;
  };
  // The instance reads the id after it is on record.
  await eventually(async () => expect((await send("acme/shop", id, 501)).outcome).not.toBe("ignored"));
  const answer = await host.request("primary", {
    ...{ repository: "acme/shop", environment: "production", run_id: 500, run_attempt: 1 },
    ...{ sha: "a".repeat(40), ref: "refs/heads/main", workflow: ".github/workflows/ci.yml" },
  });
  expect((await answer.json()) as Deployment).toMatchObject({
    repository: "acme/shop",
    target: "production",
  });

  github.addRepository("acme/site", { id: 99 });
  expect(await send("acme/site", 99, 502)).toMatchObject({
    outcome: "ignored",
    reason: expect.stringContaining("is another repository by now"),
  });
});
