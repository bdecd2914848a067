/** The kinds of alerts. The end of a condition has the same kind as its beginning. */
export const ALERT_KINDS = [
  "failover",
  "instance_lost",
  "all_down",
  "webhook_out_of_sync",
  "deployment_failed",
  "deployment_succeeded",
  "rollback",
  "held",
  "host_missing",
  "approval_changed",
  "catch_up",
  "repository_renamed",
  "store_not_writable",
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** The kinds of a channel that names none: all but those that come with every deployment. */
export const DEFAULT_KINDS: readonly AlertKind[] = ALERT_KINDS.filter(
  (kind) => kind !== "deployment_succeeded",
);
