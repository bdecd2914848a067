import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect, it } from "vitest";
import { isFinal } from "../../shared/deployment.ts";
import { pointHookTo, setTwinSceneInProcess } from "./twins.ts";

interface Example {
  name: string;
  payload: Record<string, unknown>;
}

/** Every payload of @octokit/webhooks-examples, in the order of the file. */
function everyExample(): Example[] {
  const file = createRequire(import.meta.url).resolve("@octokit/webhooks-examples");
  const events = JSON.parse(readFileSync(file, "utf8")) as { name: string; examples: Example["payload"][] }[];
  return events.flatMap(({ name, examples }) => examples.map((payload) => ({ name, payload })));
}

/** The run of an example that the target below lets deploy, by the rules and not by the code under test. */
function deployableRun({ name, payload }: Example): number[] {
  if (name !== "workflow_run" || payload.action !== "completed") return [];
  const run = payload.workflow_run as Record<string, unknown> & { id: number };
  const right =
    run.conclusion === "success" &&
    run.path === ".github/workflows/test.yml" &&
    run.head_branch === "master" &&
    run.event === "repository_dispatch" &&
    (payload.repository as { full_name: string }).full_name === "octo-org/octo-repo";
  return right ? [run.id] : [];
}

it("every example event of GitHub's is answered 2xx, and only what the rules allow is deployed", async () => {
  const scene = await setTwinSceneInProcess("sqlite", {
    targets: [
      {
        repository: "octo-org/octo-repo",
        workflow: ".github/workflows/test.yml",
        branches: ["master"],
        events: ["repository_dispatch"],
      },
      // A repository that occurs in most of the examples, but in no run that may deploy.
      { repository: "Codertocat/Hello-World", branches: ["main", "master"] },
    ],
  });
  const { github, host } = scene;
  github.addRepository("octo-org/octo-repo", { id: 300029405, defaultBranch: "master" });
  const examples = everyExample();
  expect(examples.length).toBeGreaterThan(300);

  const refused: string[] = [];
  const waiting = examples.map((example, index) => ({ ...example, index }));
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { status_code, response } = await github.send(next.name, next.payload).delivery;
      if (status_code < 200 || status_code > 299)
        refused.push(`${next.index} ${next.name}: ${status_code} ${response.payload}`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  expect(refused).toEqual([]);

  const allowed = [...new Set(examples.flatMap(deployableRun))];
  expect(allowed).not.toEqual([]);
  const deployments = await host.deployments("backup");
  expect(deployments.map(({ run_id }) => run_id)).toEqual(allowed);
  for (const { id } of deployments)
    expect(await host.deployment("backup", id, ({ status }) => isFinal(status))).toMatchObject({
      status: "succeeded",
      repository: "octo-org/octo-repo",
    });
  expect(
    host
      .trace()
      .filter(({ what }) => what === "start")
      .map(({ runId }) => runId),
  ).toEqual(allowed);

  // The twin that saw none of them gives the same answers to the runs, by the shared record.
  pointHookTo(scene, "backup");
  for (const { name, payload } of examples.filter((example) => deployableRun(example).length > 0)) {
    const { response } = await github.send(name, payload).delivery;
    expect(JSON.parse(response.payload ?? "{}")).toMatchObject({ outcome: "duplicate" });
  }
  expect(await host.deployments("backup")).toHaveLength(allowed.length);
});
