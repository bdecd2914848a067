import { PASSING_STATUSES } from "../../shared/github-failure.ts";

/**
 * The meaning of an HTTP status for the next attempt. `answered`: read the body. `transient`: the same
 * request may succeed later. `permanent`: this endpoint will not accept it. `redirect`: the endpoint's URL is
 * wrong.
 */
export type StatusClass = "answered" | "transient" | "permanent" | "redirect";

/** The class of an HTTP status. Unlisted 4xx are permanent and unlisted 5xx transient, as their groups mean. */
export function classifyStatus(status: number): StatusClass {
  if (status >= 200 && status < 300) return "answered";
  if (status >= 300 && status < 400) return "redirect";
  if (status >= 400 && status < 500) return PASSING_STATUSES.includes(status) ? "transient" : "permanent";
  return "transient";
}
