/** The kinds of alerts. The end of a condition has the same kind as its beginning. */
export const ALERT_KINDS = [
  "failover",
  "instance_lost",
  "all_down",
  "webhook_out_of_sync",
  "deployment_failed",
  "rollback",
  "held",
  "host_missing",
  "approval_changed",
  "catch_up",
  "repository_renamed",
  "store_not_writable",
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];
