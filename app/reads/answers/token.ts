import { z } from "zod";
import { listOf, time } from "./common.ts";

/** A named admin token, without the token itself. */
export const tokenAnswer = z.object({
  name: z.string(),
  scopes: z.array(z.string()).describe("`read`, `admin`, or `deploy:OWNER/REPO/TARGET`"),
  created_at: time,
  created_by: z.string(),
  expires_at: time.nullable().describe("null: never"),
  last_used_at: time.nullable().describe("to the minute; null: never"),
});

export type TokenAnswer = z.infer<typeof tokenAnswer>;

/** A token that was just made. */
export const tokenMadeAnswer = tokenAnswer.extend({
  token: z.string().describe("the token, which is shown this once"),
});

export type TokenMadeAnswer = z.infer<typeof tokenMadeAnswer>;

export const tokenListAnswer = listOf(tokenAnswer);

export type TokenListAnswer = z.infer<typeof tokenListAnswer>;
