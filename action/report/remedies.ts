import { formatDuration } from "../../shared/format-duration.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { StepReport } from "./report.ts";

/** The remedies, one or two sentences per item; empty when nothing needs doing. */
export function remedies({ verdict, journal, withoutGitHub }: StepReport): string[] {
  const routes = journal
    .lostRoutes()
    .map(({ endpoint, last }) => `${endpoint.label}: ${last.cause}. ${last.remedy}`);
  routes.push(...journal.skewed().map(skewRemedy));
  switch (verdict.kind) {
    case "misconfigured":
      return [...verdict.problems];
    case "cancelled":
      return ["Retry it on its page, or re-run this workflow.", ...routes];
    case "failed":
      return [
        "Read the log on the deployment's page, correct the cause, and re-run this workflow.",
        ...routes,
      ];
    case "unconfirmed":
      return [
        verdict.because === "time up"
          ? "Look at the deployment's page; if it merely takes long, raise the input `timeout`."
          : "Look at the deployment's page, and correct what the endpoints refuse.",
        ...routes,
      ];
    case "exhausted":
      return [
        ...routes,
        ...(withoutGitHub === null ? [] : [`GitHub was no further route: ${withoutGitHub}.`]),
        "Then re-run this workflow: the deployment's key makes a repetition harmless.",
      ];
    case "broken":
      return ["Re-run this workflow; if it happens again, report it with this summary.", ...routes];
    default:
      return routes;
  }
}

/** The remedy for a clock that differs much. */
export function skewRemedy({ endpoint, skewMs }: { endpoint: Endpoint; skewMs: number }): string {
  return `${endpoint.label}: its clock is ${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} this runner's. Set it by NTP: signatures bear 5 minutes, OIDC tokens 60 seconds.`;
}
