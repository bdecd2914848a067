import { z } from "zod";
import {
  DEPLOYMENT_SOURCES,
  DEPLOYMENT_STATUSES,
  type Deployment,
  HOST_RUN_STATUSES,
  type Verification,
} from "../../../shared/deployment.ts";
import { listOf, time } from "./common.ts";

/** Whether the site shows a deployment, as a step of its own after the command. */
export const verification = z.object({
  url: z.string(),
  status: z.enum(["running", "succeeded", "failed", "cancelled"]),
  started_at: time,
  finished_at: time.nullable(),
  answer: z.string().nullable().describe("the last answer that was not the wanted one, in words"),
}) satisfies z.ZodType<Verification>;

/** A deployment, as every instance shows it. */
export const deploymentAnswer = z.object({
  id: z.string(),
  repository: z.string(),
  target: z.string(),
  environment: z.string(),
  sha: z.string(),
  ref: z.string(),
  run_id: z.int().nullable().describe("null only where an admin asked by commit alone"),
  run_attempt: z.int().nullable(),
  status: z.enum(DEPLOYMENT_STATUSES),
  superseded_by: z.string().nullable(),
  duplicate: z.boolean().describe("whether this request was not the first for its key"),
  source: z.enum(DEPLOYMENT_SOURCES).describe("the first route that brought it"),
  accepted_by: z.string(),
  run_by: z.string().nullable().describe("null before it begins, and where it runs on all hosts"),
  hosts: z
    .array(
      z.object({
        host: z.string(),
        status: z.enum(HOST_RUN_STATUSES),
        exit_code: z.int().nullable(),
        started_at: time.nullable(),
        finished_at: time.nullable(),
      }),
    )
    .nullable()
    .describe("its run on each host, where the target has hosts: all; null before it begins"),
  attempt: z.int(),
  exit_code: z.int().nullable(),
  reason: z.string().nullable().describe("why it ended as it did, or what it waits for"),
  accepted_at: time,
  started_at: time.nullable(),
  finished_at: time.nullable(),
  verified_at: time.nullable().describe("when an Action was told that it is as requested"),
  verify: verification.nullable().describe("null where the target has no `verify`, or nothing was asked yet"),
  log_tail: z.string().nullable().describe("the last lines of the output; only for targets with share_log"),
  url: z.string(),
}) satisfies z.ZodType<Deployment>;

/**
 * The answer to a dry run: the deployment that the request would make. It has no id and url unless it exists
 * already.
 */
export const dryRunAnswer = deploymentAnswer.extend({
  id: z.string().nullable(),
  url: z.string().nullable(),
  dry_run: z.literal(true),
});

export const deploymentOrDryRunAnswer = z.union([deploymentAnswer, dryRunAnswer]);

export const deploymentListAnswer = listOf(deploymentAnswer);
