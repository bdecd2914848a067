/** Why a caller's request is refused. app/http/as-problem.ts gives each its HTTP status. */
export type RefusalReason =
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "invalid"
  | "too_often"
  /** GitHub gave no usable answer to a sign-in. */
  | "no_answer"
  /** It may go well later. */
  | "unavailable";

/** A caller's request is refused. The message is for the caller: it says why, and what to do. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly reason: RefusalReason;
  /** When the same request may go well (seconds); null when nothing is known. */
  readonly retryAfterS: number | null;

  constructor(reason: RefusalReason, message: string, options: ErrorOptions & { retryAfterS?: number } = {}) {
    super(message, options);
    this.reason = reason;
    this.retryAfterS = options.retryAfterS ?? null;
  }
}
