import { z } from "zod";
import { time } from "./common.ts";
import { targetAnswer } from "./target.ts";

const count = z.int().min(0);
const health = z.enum(["healthy", "degraded", "unhealthy"]);
const seenHealth = z.enum([...health.options, "unknown"]);

/** The state of the redundancy. */
export const statusAnswer = z.object({
  instance: z.string().describe("who answers"),
  version: z.string(),
  controller: z.string().nullable(),
  active: z.string().nullable().describe("the endpoint that GitHub delivers to"),
  pinned: z.string().nullable(),
  mode: z.enum(["switch", "broadcast"]),
  endpoints: z.array(
    z.object({
      name: z.string(),
      url: z.string(),
      priority: count,
      status: health,
      reason: z.string().nullable(),
      seen_by: z.record(z.string(), seenHealth).describe("how each instance that can be heard sees it"),
      last_health_check: time.nullable(),
      consecutive_failures: count,
      consecutive_successes: count,
      avg_response_time_ms: z.number().nullable(),
      p95_response_time_ms: z.number().nullable(),
      success_rate: z.number().nullable().describe("percent"),
    }),
  ),
  webhook: z.object({
    url: z.string().nullable().describe("what GitHub says"),
    verified_at: time.nullable(),
    in_sync: z.boolean(),
  }),
  last_failover: z
    .object({
      from: z.string(),
      to: z.string(),
      kind: z.enum(["failover", "switchover", "recovery"]),
      reason: z.string(),
      detected_at: time,
      decided_at: time,
      switched_at: time.nullable(),
      verified_at: time.nullable(),
      duration_ms: z.number().nullable(),
    })
    .nullable(),
  queue: z.object({ queued: count, running: count }),
  catch_up: z.object({ last_run_at: time.nullable(), found: count, accepted: count }),
  verification: z.object({ requested: count, verified: count }),
  targets: z.array(targetAnswer),
});

export type StatusAnswer = z.infer<typeof statusAnswer>;

/** The endpoint that a person pinned. */
export const switchoverAnswer = z.object({
  pinned: z.string().nullable(),
  reason: z.string().nullable(),
});

export type SwitchoverAnswer = z.infer<typeof switchoverAnswer>;
