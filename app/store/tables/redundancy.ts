import type { Generated } from "kysely";

/** One row: the schema's version, and the lowest version of code that may work with it. */
export interface VersionRow {
  id: number;
  version: number;
  min_code_version: number;
  /** Written to prove that an instance can commit. */
  probed_at: number;
}

/** A lease without a time. It lasts as long as others see it renewed. */
export interface LeaseRow {
  name: string;
  /** The process that holds it, unique for all time; null once it was released. */
  holder: string | null;
  instance: string | null;
  host: string | null;
  /** Grows with every new holder. */
  token: number;
  /** Grows with every renewal. Another process may take over when it stands still for the lease's time. */
  beat: number;
}

/** One row: the active endpoint, and the webhook URL that GitHub last reported. */
export interface SwitchboardRow {
  id: number;
  active: string;
  pinned: string | null;
  pinned_reason: string | null;
  /** 1 while an admin's forced pin holds although its endpoint is down; 0 otherwise. */
  pinned_forced: number;
  webhook_url: string | null;
  webhook_verified_at: number | null;
}

/** A change of the active endpoint, step by step. */
export interface FailoverRow {
  id: Generated<number>;
  from_endpoint: string;
  to_endpoint: string;
  kind: "failover" | "switchover" | "recovery";
  reason: string;
  decided_by: string;
  detected_at: number;
  decided_at: number;
  /** When GitHub accepted the new URL, and when it was read back; null until then. */
  switched_at: number | null;
  verified_at: number | null;
  /** When a later decision replaced this one, before GitHub accepted the URL. */
  abandoned_at: number | null;
}

/** The health of an endpoint, as the controller sees it. */
export interface EndpointHealthRow {
  endpoint: string;
  status: "unknown" | "healthy" | "degraded" | "unhealthy";
  reason: string;
  /** When it got this status. */
  since: number;
}

/** The results of the controller's checks of an endpoint, in the time up to `at`. */
export interface HealthSampleRow {
  at: number;
  endpoint: string;
  /** The average of the checks that succeeded; null where none did. */
  average_ms: number | null;
  succeeded: number;
  failed: number;
}

/** A copy that replaced SQLite's file: see sqlite/put-back.ts. */
export interface StoreCopyRow {
  id: string;
  made_at: number;
  /** 1 in the original, which the copy replaces; 0 in the copy. */
  replaced: 0 | 1;
  /** When an alert was raised about it. */
  told_at: number | null;
}
