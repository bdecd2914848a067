import { randomBytes } from "node:crypto";
import type { DeploymentSource } from "../../shared/deployment.ts";
import type { TargetConfig } from "../config/schema.ts";

/** A workflow run attempt, as far as a deployment needs to know it. */
export interface RunFacts {
  /** `owner/name`, as GitHub spells it. */
  repository: string;
  runId: number | null;
  runAttempt: number | null;
  /** When this attempt began at GitHub (ms); null where the route does not say. */
  runStartedAt: number | null;
  sha: string;
  ref: string;
  /** Whether the ref was made of a name that may be a tag's as well. */
  refUnproven?: boolean;
  workflow: string | null;
  actor: string | null;
  /** The first line of the commit's message; null where the route does not say. */
  commitTitle: string | null;
  /** The run's number among the runs of its workflow (a path); null where the route does not say. */
  numbered: { workflow: string; number: number } | null;
}

/** One message that arrived, judged against the configuration but not yet against the store. */
export interface Arrival {
  source: DeploymentSource;
  /** GitHub's identifier of the event; null for requests. */
  guid: string | null;
  event: string;
  action: string | null;
  /** Null when the message names no run at all. */
  facts: RunFacts | null;
  /** The repository's key: what the configuration calls it, whatever its name at GitHub is by now. */
  repository: string;
  /** The targets that it is to be deployed to. */
  targets: Pick<TargetConfig, "name" | "environment">[];
  /** Why there are none; null where there are some. */
  ignored: string | null;
  /** JSON of the request's own payload. */
  payload: string | null;
  /** The attempt of the run that sent the request: a higher one asks for a retry. */
  viaRunAttempt: number | null;
  /** Whether nothing more is to come of the run's number that a target waits for. */
  settles?: boolean;
  /** The GitHub Deployment that the request lay in; the App reports on it, and makes none of its own. */
  githubDeploymentId?: string;
}

/** A deployment that an arrival stands for; `duplicate` when an earlier one made it. */
export interface AcceptedDeployment {
  id: string;
  duplicate: boolean;
}

/**
 * A new identifier, such as `dep_019a…`. It begins with the time, so that rows written one after the other stand
 * together in the index, and a commit has few pages to write.
 */
export function newId(kind: "dep" | "dlv"): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${kind}_${time}${randomBytes(10).toString("hex")}`;
}
