import {
  type Actor,
  actorObjects,
  actorOf,
  type DeploymentRecord,
  deploymentObject,
} from "./deployment-object.ts";
import { repositoryObject } from "./repository-object.ts";
import type { Caller } from "./router.ts";
import { sendEvent } from "./send-event.ts";
import type { RepositoryRecord, World } from "./world.ts";

/** Sends the `deployment` event of a new deployment, with the workflow run if a job created it. */
export function sendDeploymentEvent(
  world: World,
  repository: RepositoryRecord,
  deployment: DeploymentRecord,
  caller: Caller,
): void {
  const by: Actor = actorOf(caller);
  if (typeof by === "string" && !world.settings.deploymentEvents.includes(by)) return;
  const run = repository.runs.find(({ id }) => caller.kind === "github_token" && id === caller.runId);
  const event = run?.attempts.at(-1)?.event;
  void sendEvent(world, "deployment", {
    action: "created",
    deployment: deploymentObject(deployment, world.app),
    workflow: event?.workflow ?? null,
    workflow_run: event?.workflow_run ?? null,
    repository: repositoryObject(repository),
    sender: actorObjects(by, world.app).creator,
  });
}
