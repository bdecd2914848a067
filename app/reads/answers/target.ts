import { z } from "zod";
import { listOf, time } from "./common.ts";

/** The high-water mark of a target: runs below it are superseded. */
export const markAnswer = z.object({
  repository: z.string(),
  target: z.string(),
  run_id: z.int(),
  previous_run_id: z.int().nullable().describe("what the mark was before; null where nothing was deployed"),
  reason: z.string(),
});

export type MarkAnswer = z.infer<typeof markAnswer>;

/** A person's order that a target begins no run. */
export const holdAnswer = z.object({
  by: z.string(),
  reason: z.string(),
  since: time,
  until: time.nullable().describe("when it ends by itself; null where somebody has to release it"),
});

export type HoldAnswer = z.infer<typeof holdAnswer>;

/** The hold of a target after a change; null where none applies. */
export const targetHoldAnswer = z.object({
  repository: z.string(),
  target: z.string(),
  held: holdAnswer.nullable(),
});

export type TargetHoldAnswer = z.infer<typeof targetHoldAnswer>;

const hosts = z.union([
  z.enum(["any", "all"]),
  z.array(z.string()),
  z.object({ all: z.literal(true), missing: z.literal("skip") }),
]);

/** A target: what is live there, what waits, and whether it is held. */
export const targetAnswer = z.object({
  repository: z.string(),
  name: z.string(),
  environment: z.string(),
  live: z
    .object({
      deployment: z.string(),
      sha: z.string(),
      ref: z.string(),
      since: time,
      hosts: z.array(z.string()).describe("the hosts that have run it, where the configuration names hosts"),
    })
    .nullable()
    .describe("the last deployment that succeeded"),
  held: holdAnswer.nullable(),
  queued: z.int().min(0),
  running: z.int().min(0),
  recent: z
    .object({
      succeeded: z.int().min(0),
      failed: z.int().min(0),
      failure_rate: z.number().nullable().describe("percent of these that failed; null where none has ended"),
      median_live_ms: z
        .number()
        .nullable()
        .describe("the median time from the request to the success; null where none succeeded"),
    })
    .describe("the last 20 deployments that began"),
  approval: z
    .enum(["required", "none"])
    .nullable()
    .describe(
      "whether only an approved job starts a deployment; null while GitHub has not told whether it protects the environment",
    ),
  hosts: hosts.describe("where its command may run"),
});

export type TargetAnswer = z.infer<typeof targetAnswer>;

export const targetListAnswer = listOf(targetAnswer);
