import type { WaitFor } from "../shared/deployment.ts";
import { formatDuration } from "../shared/format-duration.ts";
import { called, type Endpoint } from "./endpoints.ts";
import { cleanLine, cleanText } from "./foreign-text.ts";
import type { Acceptance, Entry, Journal } from "./journal.ts";
import { outcome } from "./outcome.ts";
import type { ActionRequest } from "./request.ts";
import type { Verdict } from "./verdict.ts";

/** Everything about one step, as outputs, log, annotations and summary tell it. */
export interface StepReport {
  verdict: Verdict;
  success: boolean;
  /** Null when the inputs were wrong. */
  request: ActionRequest | null;
  waitFor: WaitFor;
  timeoutMs: number;
  /** Why GitHub is no route of this step; null when it is one. */
  withoutGitHub: string | null;
  journal: Journal;
  tookMs: number;
}

/** At most this many requests are listed one by one. */
const MAX_LISTED = 50;

/** The requests to list: all, or the first ten and the last forty, and how many lie between. */
export function listedEntries(entries: readonly Entry[]): { first: Entry[]; omitted: number; last: Entry[] } {
  if (entries.length <= MAX_LISTED) return { first: [...entries], omitted: 0, last: [] };
  return {
    first: entries.slice(0, 10),
    omitted: entries.length - MAX_LISTED,
    last: entries.slice(10 - MAX_LISTED),
  };
}

/** The verdict in one sentence. Free of foreign text except cleaned names. */
export function verdictSentence({
  verdict,
  request,
  journal,
  waitFor,
  tookMs,
  timeoutMs,
}: StepReport): string {
  const what = request ? `The deployment of ${request.environment}` : "The deployment";
  const acceptance = journal.acceptance;
  const by = acceptance ? delivered(acceptance) : "not delivered";
  const took = formatDuration(tookMs);
  switch (verdict.kind) {
    case "confirmed": {
      const state = { queued: "is on record", running: "has started" }[verdict.deployment.status as string];
      return `${what} ${state ?? `has ${verdict.deployment.status}`}: ${by} and confirmed in ${took}.`;
    }
    case "superseded": {
      const newer = verdict.deployment.superseded_by;
      return `${what} was superseded by ${newer ? `the newer ${cleanLine(newer, 100)}` : "a newer one"}: ${by}, but this run's version is not deployed.`;
    }
    case "cancelled":
      return `${what} was cancelled on the server: ${by}, but nothing was deployed to the end.`;
    case "failed": {
      const code = verdict.deployment.exit_code;
      return `${what} failed${code === null ? "" : ` with exit code ${code}`}: ${by} and run, but its command did not succeed.`;
    }
    case "dry run": {
      const { ready, failing } = verdict;
      const all = ready.length + failing.length;
      if (failing.length === 0)
        return `${what} would be accepted by every route (${all}): a dry run, nothing was deployed.`;
      const those = failing.map(({ name }) => (name === "github" ? "GitHub" : name)).join(", ");
      return `${what} would not be accepted by ${failing.length} of ${all} routes (${those}): a dry run, nothing was deployed.`;
    }
    case "unconfirmed":
      return verdict.because === "unreadable"
        ? `${what} is not confirmed: ${by}, but no route lets it be read back.`
        : `${what} is not confirmed: ${by}, but within ${formatDuration(timeoutMs)} it was not seen to be ${{ accepted: "on record", started: "started", succeeded: "successful" }[waitFor]} (last state: ${acceptance ? lastState(acceptance) : "unknown"}). It goes on without this step.`;
    case "exhausted": {
      const why = {
        rounds: `every route failed in every round (${journal.deliveries} requests)`,
        refused: "every route refused it for good",
        "too long to wait": "every route failed, and the next try would come after the step's time limit",
        "time up": `no route accepted it within ${formatDuration(timeoutMs)}`,
      }[verdict.because];
      return `${what} was not delivered: ${why}.`;
    }
    case "stopped":
      if (acceptance)
        return `The job was cancelled after ${took} (${verdict.signal}): the deployment had already been ${acceptance.last.onRecord ? `accepted by ${called(acceptance.endpoint)}` : `left at ${called(acceptance.endpoint)}`} (last state: ${lastState(acceptance)}) and goes on.`;
      return journal.mayHaveArrived()
        ? `The job was cancelled after ${took} (${verdict.signal}): no acceptance was received, but a request under way may have been accepted.`
        : `The job was cancelled after ${took} (${verdict.signal}): nothing was delivered.`;
    case "misconfigured":
      return verdict.problems.length === 1
        ? "The step is not set up correctly: one input must be changed."
        : `The step is not set up correctly: ${verdict.problems.length} inputs must be changed.`;
    case "broken":
      return `The Action failed unexpectedly (${cleanLine(verdict.message, 200)}): ${acceptance ? `the deployment had been ${by}, but is not confirmed` : "nothing is known to be delivered"}.`;
  }
}

function delivered({ endpoint, last }: Acceptance): string {
  if (endpoint.route !== "github") return `delivered to ${called(endpoint)}`;
  return last.onRecord ? `delivered by ${called(endpoint)}` : `left at ${called(endpoint)}`;
}

/** The last state that was read, in a word or two. */
export function lastState({ last }: Acceptance): string {
  return last.onRecord ? last.status : "not yet found by an instance";
}

/** What to do about it, one sentence or two per item; empty when nothing needs doing. */
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

/** What to do about a clock that differs much. */
export function skewRemedy({ endpoint, skewMs }: { endpoint: Endpoint; skewMs: number }): string {
  return `${endpoint.label}: its clock is ${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? "ahead of" : "behind"} this runner's. Set it by NTP: signatures bear 5 minutes, OIDC tokens 60 seconds.`;
}

/** The outputs of the step, all of them in every case; what is unknown is empty. */
export function outputs(report: StepReport): Record<string, string> {
  const { journal, verdict } = report;
  const { acceptance } = journal;
  const last = acceptance?.last;
  const endpoint = verdict.kind === "dry run" ? verdict.ready[0] : acceptance?.endpoint;
  return {
    "deployment-id": last?.id ?? "",
    status: last?.onRecord ? last.status : "",
    route: endpoint?.route ?? "",
    endpoint: endpoint?.url ?? "",
    attempts: String(journal.deliveries),
    "failed-over": String(endpoint !== undefined && endpoint.route !== "primary"),
    verified: String(verdict.kind === "confirmed"),
    url: last?.url ?? "",
    report: JSON.stringify(reportDocument(report)),
  };
}

/** The output `report`: the same facts as the summary, for programs; `report.schema.json` describes it. */
function reportDocument(report: StepReport): object {
  const { journal, verdict, request, tookMs } = report;
  const { acceptance } = journal;
  const last = acceptance?.last;
  const { first, omitted, last: tail } = listedEntries(journal.entries);
  return {
    verdict: verdict.kind,
    sentence: verdictSentence(report),
    success: report.success,
    delivered: acceptance !== null,
    confirmed: verdict.kind === "confirmed",
    took_ms: Math.round(tookMs),
    key: request && {
      repository: request.repository,
      environment: request.environment,
      target: request.target ?? null,
      run_id: request.run_id,
      run_attempt: request.run_attempt,
      sha: request.sha,
    },
    deployment: last
      ? {
          id: last.id === "" ? null : last.id,
          status: last.onRecord ? last.status : null,
          duplicate: acceptance?.duplicate ?? false,
          target: cleanLine(last.target, 200),
          superseded_by: last.superseded_by && cleanLine(last.superseded_by, 200),
          exit_code: last.exit_code,
          accepted_by: last.accepted_by === "" ? null : cleanLine(last.accepted_by, 200),
          run_by: last.run_by && cleanLine(last.run_by, 200),
          reason: last.reason && cleanText(last.reason),
          url: last.url,
        }
      : null,
    remedies: remedies(report),
    delivery_requests: journal.deliveries,
    read_requests: journal.reads,
    omitted,
    attempts: [...first, ...tail].map((entry) => ({
      step: entry.step,
      round: entry.round,
      endpoint: entry.endpoint.name,
      url: entry.endpoint.url,
      started_at: entry.startedAt.toISOString(),
      took_ms: Math.round(entry.tookMs),
      http_status: "status" in entry.result ? entry.result.status : null,
      result: entry.result.kind === "deployment" ? entry.result.state : entry.result.kind,
      outcome: outcome(entry),
      clock_skew_ms: "skewMs" in entry.result ? (entry.result.skewMs ?? null) : null,
      cause: "cause" in entry.result ? entry.result.cause : null,
      detail: "detail" in entry.result && entry.result.detail ? cleanText(entry.result.detail, 500) : null,
    })),
  };
}
