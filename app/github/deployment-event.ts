import { GITHUB_TASK } from "../../shared/deployment-request.ts";
import type { Arrival } from "../accept/arrival.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { storableText } from "../store/storable-text.ts";
import { parkedRequest } from "./deployments.ts";

/** What a `deployment` event tells: it deploys nothing, but an Action may have left a request in that Deployment. */
export interface DeploymentEvent {
  arrival: Omit<Arrival, "source" | "guid">;
  /** Whether it holds an Action's request, which is to be looked for in the repository. */
  parked: boolean;
}

/** Reads the payload of a `deployment` event. */
export function readDeploymentEvent(payload: unknown): DeploymentEvent {
  const { action, deployment, repository } = (payload ?? {}) as {
    action?: unknown;
    deployment?: { task?: unknown; payload?: unknown } | null;
    repository?: { full_name?: unknown } | null;
  };
  return {
    arrival: {
      event: "deployment",
      action: textOf(action),
      facts: null,
      repository: repositoryKey(textOf(repository?.full_name)),
      targets: [],
      ignored: "GitHub Deployments that an Action left are looked for at GitHub itself",
      payload: null,
      viaRunAttempt: null,
    },
    parked: deployment?.task === GITHUB_TASK && parkedRequest(deployment.payload) !== undefined,
  };
}

/** A text that both engines can store; empty where it is none. */
function textOf(value: unknown): string {
  return typeof value === "string" ? storableText(value) : "";
}
