import type { FailoverRow } from "../store/schema.ts";

/** The facts of an alert's message, by kind. Each may hold foreign text. */
export interface AlertFacts {
  failover: Pick<FailoverRow, "kind" | "from_endpoint" | "to_endpoint" | "reason" | "decided_at">;
  instance_lost: { reason: string };
  all_down: { reason: string };
  webhook_out_of_sync: {
    /** The URL that GitHub has, null where it could not be read; and the desired URL. */
    found: string | null;
    wanted: string;
    cause: "changed" | "not_taken";
  };
  deployment_failed: { deploymentId: string; attempt: number; reason: string | null };
  deployment_succeeded: { deploymentId: string; attempt: number };
  /** `runId` is null where a person asked; `insteadOf` is the newest run that was deployed to the target. */
  rollback: { deploymentId: string; runId: number | null; insteadOf: number };
  /** `hosts` are those of which one has to come back; `deploymentId` is null once none waits any more. */
  host_missing: { deploymentId: string | null; hosts: string[] };
  /** `rules` are the types of the protection rules at GitHub. */
  approval_changed: {
    repository: string;
    target: string;
    environment: string;
    now: "required" | "none";
    rules: string[];
    /** Whether twinhook.yml sets the approval, whatever GitHub protects. */
    byFile: boolean;
  };
  held: { repository: string; target: string; by: string; reason: string; until: number | null };
  /**
   * `takenBy` is the id of the repository that has the name now; null where GitHub redirects the name to
   * `now`.
   */
  repository_renamed: { name: string; now: string; id: number; takenBy: number | null; line: string };
  catch_up: { look: string; found: number; accepted: number };
  store_not_writable: { instance: string; reason: string };
  test: { who: string };
}
