/** What alerts are about. A recovery is of the kind that it ends. */
export const ALERT_KINDS = [
  "failover",
  "instance_lost",
  "all_down",
  "webhook_out_of_sync",
  "deployment_failed",
  "rollback",
  "catch_up",
  "repository_renamed",
  "store_not_writable",
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];
