import { GITHUB_TASK } from "../../shared/deployment-request.ts";
import type { Arrival } from "../accept/arrival.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { storableText } from "../store/storable-text.ts";
import { parkedRequest } from "./deployments.ts";

/** A `deployment` event. It deploys nothing by itself, but its GitHub Deployment may hold a parked request. */
export interface DeploymentEvent {
  arrival: Omit<Arrival, "source" | "guid">;
  /** Whether it holds a parked request, so that the repository must be scanned. */
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

/** The text as both engines can store it; empty if the value is no text. */
function textOf(value: unknown): string {
  return typeof value === "string" ? storableText(value) : "";
}
