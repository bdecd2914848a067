import type { Arrival } from "../../app/accept/arrival.ts";
import { configSchema, type TargetConfig } from "../../app/config/schema.ts";
import { stableSha } from "../simulator/stable-values.ts";

/** A target as the configuration would give it, with what a test does not care about filled in. */
export function testTarget(target: Record<string, unknown> = {}): TargetConfig {
  const { targets } = configSchema.parse({
    instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
    targets: [
      {
        repository: "acme/site",
        environment: "production",
        workflow: ".github/workflows/ci.yml",
        run: ["true"],
        directory: "/",
        approval: "none",
        ...target,
      },
    ],
  });
  return targets[0] as TargetConfig;
}

/** The arrival of a run attempt's event for these targets. */
export function runArrival(
  runId: number,
  targets: TargetConfig[],
  options: {
    attempt?: number;
    startedAt?: number;
    guid?: string | null;
    sha?: string;
    source?: Arrival["source"];
    viaRunAttempt?: number;
    commitTitle?: string;
    /** Its number among the runs of the workflow; default: nobody knows it. */
    number?: number;
    workflow?: string;
    /** Whether it settles its number; as an event that has come does. */
    settles?: boolean;
  } = {},
): Arrival {
  const { attempt = 1, startedAt = runId * 1000, guid = null, source = "webhook" } = options;
  const { number, workflow = ".github/workflows/ci.yml", settles = source !== "action" } = options;
  return {
    source,
    guid,
    event: "workflow_run",
    action: "completed",
    facts: {
      repository: "acme/site",
      runId,
      runAttempt: attempt,
      runStartedAt: startedAt,
      sha: options.sha ?? stableSha(String(runId)),
      ref: "refs/heads/main",
      workflow,
      actor: "octocat",
      commitTitle: options.commitTitle ?? null,
      numbered: number === undefined ? null : { workflow, number },
    },
    settles,
    repository: "acme/site",
    targets,
    ignored: null,
    payload: null,
    viaRunAttempt: options.viaRunAttempt ?? null,
  };
}

/** An admin's request for a commit, without a run. */
export function manualArrival(sha: string, targets: TargetConfig[]): Arrival {
  const arrival = runArrival(1, targets, { source: "manual", sha });
  return {
    ...arrival,
    facts: arrival.facts && { ...arrival.facts, runId: null, runAttempt: null, runStartedAt: null },
  };
}
