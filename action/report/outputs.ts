import { cleanLine, cleanText } from "../foreign-text.ts";
import { outcome } from "./outcome.ts";
import { remedies } from "./remedies.ts";
import { listedEntries, type StepReport } from "./report.ts";
import { verdictSentence } from "./verdict-sentence.ts";

/** The outputs of the step, always all of them; unknown ones are empty. */
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

/** The output `report`: the facts of the summary, for programs; `report.schema.json` describes it. */
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
          hosts: last.hosts.map((one) => ({ ...one, host: cleanLine(one.host, 200) })),
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
