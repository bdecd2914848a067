import type { FaultKind } from "./faults.ts";
import { rateHeaders } from "./rate-limits.ts";
import type { Answer } from "./router.ts";
import { isoSeconds } from "./stable-values.ts";

/** The answer of a fault in place of the real one. */
export function faultAnswer(fault: FaultKind, nowMs: number): Answer | undefined {
  const now = Math.floor(nowMs / 1000);
  if (fault.kind === "status") {
    const message = fault.message ?? "Server Error";
    return {
      status: fault.status,
      body: { message, documentation_url: "https://docs.github.com/rest", status: String(fault.status) },
      headers: { ...rateHeaders(5000, 1, now + 3600), ...fault.headers },
    };
  }
  if (fault.kind === "page")
    return {
      status: fault.status,
      body: "<html>blocked by your administrator</html>",
      headers: { "content-type": "text/html" },
    };
  if (fault.kind === "rate-limit") {
    const reset = now + (fault.resetInS ?? 60);
    return {
      status: fault.status ?? 403,
      body: {
        message: `API rate limit exceeded for installation. The time of reset is ${isoSeconds(reset * 1000)}.`,
        documentation_url: "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api",
      },
      headers: rateHeaders(5000, 5000, reset),
    };
  }
  if (fault.kind === "secondary-rate-limit")
    return {
      status: fault.status ?? 403,
      body: {
        message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        documentation_url:
          "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits",
      },
      headers: {
        ...rateHeaders(5000, 100, now + 3600),
        ...(fault.retryAfterS !== "unsaid" && { "retry-after": String(fault.retryAfterS ?? 60) }),
      },
    };
  return undefined;
}
