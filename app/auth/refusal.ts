import type { PROBLEMS } from "../../shared/deployment-request.ts";

/** Why a caller's request is refused. app/http/as-problem.ts maps each reason to an HTTP status. */
export type RefusalReason =
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "invalid"
  | "too_often"
  /** GitHub gave no usable answer to a sign-in. */
  | "no_answer"
  /** A later attempt may succeed. */
  | "unavailable";

/** A lack that the Action can explain: see `PROBLEMS` of shared/deployment-request.ts. */
export type RefusalCause = keyof typeof PROBLEMS;

/** Refuses a caller's request. The message goes to the caller: it gives the reason and the remedy. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: RefusalReason;
  /** When the same request may succeed (seconds); null when unknown. */
  readonly retryAfterS: number | null;
  readonly lacks: RefusalCause | null;

  constructor(
    reason: RefusalReason,
    message: string,
    options: ErrorOptions & { retryAfterS?: number; lacks?: RefusalCause } = {},
  ) {
    super(message, options);
    this.reason = reason;
    this.retryAfterS = options.retryAfterS ?? null;
    this.lacks = options.lacks ?? null;
  }
}
