import { PROBLEMS } from "../../shared/deployment-request.ts";
import { Refusal, type RefusalReason } from "../auth/refusal.ts";
import { StoreUnavailableError } from "../store/errors.ts";
import { asUnavailable } from "../store/postgres/unavailable.ts";
import { HttpProblem } from "./problem.ts";

/** How long a client should wait while the store cannot commit (seconds). */
const RETRY_AFTER_S = "5";

const STATUS: Record<RefusalReason, number> = {
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  invalid: 422,
  too_often: 429,
  no_answer: 502,
  unavailable: 503,
};

/** Maps an error to an answer. Only messages meant for the client leave the process. */
export function asProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof StoreUnavailableError)
    return new HttpProblem(503, `nothing was accepted, since ${error.message}; send it again later`, {
      "retry-after": RETRY_AFTER_S,
    });
  if (error instanceof Refusal) {
    const status = STATUS[error.reason];
    const headers = {
      ...(status === 401 && { "www-authenticate": 'Bearer realm="twinhook"' }),
      ...(error.retryAfterS !== null && { "retry-after": String(error.retryAfterS) }),
    };
    return new HttpProblem(
      status,
      error.message,
      headers,
      error.lacks === null ? undefined : PROBLEMS[error.lacks],
    );
  }
  // Reads go straight to the database, so its own errors arrive here.
  const unavailable = asUnavailable(error);
  if (unavailable instanceof StoreUnavailableError)
    return new HttpProblem(503, `this cannot be read now, since ${unavailable.message}`, {
      "retry-after": RETRY_AFTER_S,
    });
  return new HttpProblem(500, "an unexpected error; the log of the instance says more");
}
