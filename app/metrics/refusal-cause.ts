import { OTHER } from "./bounded-label.ts";

const CAUSES: Record<number, string> = {
  400: "malformed",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  413: "too_large",
  415: "media_type",
  422: "ambiguous",
  429: "rate_limited",
  500: "internal",
  503: "unavailable",
};

/** Every cause, and what stands for those of other answers. */
export const REFUSAL_CAUSES = [...Object.values(CAUSES), OTHER];

/** The cause of a refusal in one word, by the HTTP status of the answer. */
export function refusalCause(status: number): string {
  return CAUSES[status] ?? OTHER;
}
