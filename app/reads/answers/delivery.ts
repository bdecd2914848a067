import { z } from "zod";
import { DEPLOYMENT_SOURCES } from "../../../shared/deployment.ts";
import { DELIVERY_OUTCOMES } from "../../store/schema.ts";
import { listOf, time } from "./common.ts";

const outcome = z.enum(DELIVERY_OUTCOMES);

/** A delivery and its outcome. */
export const deliveryAnswer = z.object({
  id: z.string(),
  guid: z.string().nullable().describe("GitHub's identifier of the event; null for requests"),
  source: z.enum(DEPLOYMENT_SOURCES),
  event: z.string(),
  action: z.string().nullable(),
  repository: z.string(),
  run_id: z.int().nullable(),
  run_attempt: z.int().nullable(),
  received_at: time,
  received_by: z.string(),
  outcome,
  reason: z.string().nullable().describe("why it deployed nothing"),
  deployments: z.array(z.string()),
});

export type DeliveryAnswer = z.infer<typeof deliveryAnswer>;

export const deliveryListAnswer = listOf(deliveryAnswer);

/** The answer to an event: its outcome. */
export const webhookAnswer = z.object({
  delivery: z.string().nullable(),
  outcome: z.enum([...DELIVERY_OUTCOMES, "counted"]),
  reason: z.string().nullable(),
  deployments: z.array(z.object({ id: z.string(), duplicate: z.boolean() })),
});

export type WebhookAnswer = z.infer<typeof webhookAnswer>;
