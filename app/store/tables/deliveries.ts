import type { DeploymentSource } from "../../../shared/deployment.ts";

/** The result of a delivery. */
export const DELIVERY_OUTCOMES = ["deployed", "waiting", "duplicate", "superseded", "ignored"] as const;
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

/** A message that arrived, by any route. */
export interface DeliveryRow {
  id: string;
  guid: string | null;
  source: DeploymentSource;
  event: string;
  action: string | null;
  repository: string;
  run_id: number | null;
  run_attempt: number | null;
  received_at: number;
  received_by: string;
  outcome: DeliveryOutcome;
  /** Why it deployed nothing; null when it did. */
  reason: string | null;
  /** JSON array of the deployments that it created or found. */
  deployment_ids: string;
  /** The number of its run among the runs of `run_workflow`. */
  run_number: number | null;
  run_workflow: string | null;
  /** 1 where targets need not wait any longer for this run number. */
  settles: 1 | null;
}

/** A run attempt that makes no deployment before an approved job asks for it. Its delivery is on record. */
export interface WaitingRunRow {
  repository: string;
  target: string;
  run_id: number;
  run_attempt: number;
  delivery_id: string;
  /** `protection` until GitHub tells whether the environment is protected. */
  gate: "approval" | "protection";
  /** JSON: the arrival, to be judged again once GitHub has told that. */
  arrival: string;
}

/** A target's lasting state: the time since when it is watched, and its high-water mark. */
export interface TargetRow {
  repository: string;
  target: string;
  /** GitHub's time, in whole seconds (as milliseconds), when the target was first seen; null once removed. */
  watch_from: number | null;
  mark_run_id: number;
  mark_run_attempt: number;
  /** When the run of the mark began at GitHub. */
  mark_run_started_at: number;
  mark_deployment_id: string | null;
  /** The number of the newest run that began on the target, and the workflow of that number. */
  mark_run_number?: number | null;
  mark_workflow?: string | null;
  /** The hold on the target: who set it, why, when, and until when. See queue/hold.ts. */
  held_by?: string | null;
  held_reason?: string | null;
  held_since?: number | null;
  held_until?: number | null;
  /** JSON: an environment and its protection rules at GitHub, see queue/gate/approval.ts; null where none is known. */
  protection?: string | null;
  /** The last recorded approval. A change of it is an alert. */
  approval?: "required" | "none" | null;
  /** 1 once a run has waited for an approved job here. */
  has_waited?: 1 | null;
}
