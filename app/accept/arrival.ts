import { randomBytes } from "node:crypto";
import type { DeploymentSource } from "../../shared/deployment.ts";
import type { TargetConfig } from "../config/schema.ts";

/** The facts of a workflow run attempt that a deployment needs. */
export interface RunFacts {
  /** `owner/name`, as GitHub spells it. */
  repository: string;
  runId: number | null;
  runAttempt: number | null;
  /** When this attempt began at GitHub (ms); null where the route does not say. */
  runStartedAt: number | null;
  sha: string;
  ref: string;
  /** Whether only the name in the ref is known: a branch and a tag may have it. */
  refUnproven?: boolean;
  workflow: string | null;
  actor: string | null;
  /** The first line of the commit's message; null where the route does not say. */
  commitTitle: string | null;
  /** The run's number among the runs of its workflow (a path); null where the route does not say. */
  numbered: { workflow: string; number: number } | null;
}

/** One message, judged against the configuration but not yet against the store. */
export interface Arrival {
  source: DeploymentSource;
  /** GitHub's identifier of the event; null for requests. */
  guid: string | null;
  /** The identifier of its delivery, where a worker or the instance may commit it. */
  deliveryId?: string;
  event: string;
  action: string | null;
  /** Null when the message names no run at all. */
  facts: RunFacts | null;
  /** The repository's key: its name in the configuration, even after a rename at GitHub. */
  repository: string;
  /** The targets to deploy to. */
  targets: Pick<TargetConfig, "name" | "environment" | "refs" | "routes" | "approval">[];
  /** Why there are no targets; null where there are some. */
  ignored: string | null;
  /** JSON of the request's own payload. */
  payload: string | null;
  /** The attempt of the run that sent the request: a higher one asks for a retry. */
  viaRunAttempt: number | null;
  /** Whether targets need not wait any longer for this run number. */
  settles?: boolean;
  /**
   * The GitHub Deployment that carried the request. The App posts its statuses there, and creates none of its
   * own.
   */
  githubDeploymentId?: string;
  /** The environment that the token of the asking job names: the job passed its protection rules. */
  approvedFor?: string | undefined;
  /** The note of a rollback by a person. Its deployment begins also while the target is held. */
  rollback?: string;
}

/** A deployment of an arrival; `duplicate` when an earlier arrival created it. */
export interface AcceptedDeployment {
  id: string;
  duplicate: boolean;
}

/**
 * A new identifier, such as `dep_019a…`. It begins with the time, so that rows written in a row are
 * neighbours in the index. A commit then has few pages to write.
 */
export function newId(kind: "dep" | "dlv"): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${kind}_${time}${randomBytes(10).toString("hex")}`;
}
