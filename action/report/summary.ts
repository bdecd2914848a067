import { formatDuration } from "../../shared/format-duration.ts";
import type { KnownDeployment } from "../ask/answer.ts";
import type { Entry } from "../ask/entry.ts";
import { cleanLine, cleanText } from "../foreign-text.ts";
import { called } from "../input/endpoints.ts";
import { codeBlock, escapeInline, link, listItem, table } from "./markdown.ts";
import { outcome } from "./outcome.ts";
import { remedies } from "./remedies.ts";
import { listedEntries, type StepReport } from "./report.ts";
import { lastState, verdictSentence } from "./verdict-sentence.ts";

/** GitHub drops a whole summary above 1 MiB; this limit stays far below, whatever the instances send. */
export const MAX_SUMMARY_BYTES = 256 * 1024;

/** The job summary: verdict, the two facts, the deployment, what to do, and the routes tried. */
export function buildSummary(report: StepReport): string {
  const { verdict, success } = report;
  const quiet = success && verdict.kind === "confirmed" && report.journal.lostRoutes().length === 0;
  const icon = success
    ? quiet || verdict.kind === "dry run"
      ? "✅"
      : "⚠️"
    : verdict.kind === "stopped"
      ? "🛑"
      : "❌";
  const parts = [
    `### ${icon} Twinhook: ${escapeInline(verdictSentence(report))}`,
    `- **Delivered:** ${deliveredFact(report)}\n- **Confirmed:** ${confirmedFact(report)}`,
    deploymentTable(report),
    todo(report),
    logTail(report),
    routesTable(report),
  ];
  return cut(`${parts.filter((part) => part !== "").join("\n\n")}\n`);
}

function deliveredFact({ verdict, journal }: StepReport): string {
  if (verdict.kind === "dry run") return "no, this was a dry run.";
  const { acceptance } = journal;
  if (acceptance) {
    const { endpoint, last, at, duplicate } = acceptance;
    const to = escapeInline(called(endpoint));
    if (endpoint.route === "github")
      return last.onRecord
        ? `yes, left at ${to} at ${clock(at)} and found there, after no endpoint had taken it.`
        : verdict.kind === "exhausted"
          ? `no. It was left at ${to} at ${clock(at)}, where the App refused it.`
          : `not yet: left at ${to} at ${clock(at)}, for an instance to find.`;
    const over = endpoint.route === "backup" ? ", after the primary failed" : "";
    const before = duplicate ? ". It was on record already (a duplicate)" : "";
    return `yes, to ${to} at ${clock(at)}${over}${before}.`;
  }
  return journal.mayHaveArrived()
    ? "not as far as is known; a request without a usable answer may have been accepted all the same. Repeating it is harmless."
    : "no.";
}

function confirmedFact({ verdict, journal, tookMs }: StepReport): string {
  const { acceptance } = journal;
  if (verdict.kind === "confirmed" && acceptance)
    return `yes, read back as ${escapeInline(acceptance.last.status)} from ${escapeInline(called(acceptance.lastFrom))} after ${formatDuration(tookMs)}.`;
  if (acceptance && verdict.kind !== "dry run")
    return `no, the last state read is ${escapeInline(lastState(acceptance))}.`;
  return "no.";
}

function deploymentTable({ journal, request }: StepReport): string {
  if (!request) return "";
  const last = journal.acceptance?.last;
  const foreign = (text: string | null | undefined) => (text ? escapeInline(cleanLine(text)) : "");
  const rows: [string, string][] = [
    ["Deployment", last ? (last.url ? link(last.id || "at GitHub", last.url) : escapeInline(last.id)) : ""],
    ["Status", last?.onRecord ? last.status : ""],
    ["Reason", foreign(last?.reason)],
    ["Superseded by", foreign(last?.superseded_by)],
    ["Environment", escapeInline(request.environment)],
    ["Target", foreign(last?.target || request.target)],
    [
      "Version",
      `${escapeInline(request.repository)} at ${request.sha.slice(0, 12)} (${escapeInline(request.ref)})`,
    ],
    ["Run", `${request.run_id}, attempt ${request.run_attempt}`],
    ["Accepted by", foreign(last?.accepted_by)],
    ["Run by", foreign(last?.run_by)],
    ["Hosts", foreign(last && hostsInWords(last))],
    ["Verification", verification(last?.verify ?? null)],
  ];
  return table(
    [],
    rows.filter(([, value]) => value !== ""),
  );
}

/** How the command ended on each host, in words. */
function hostsInWords({ hosts }: KnownDeployment): string {
  return hosts
    .map(({ host, status, exit_code }) =>
      status === "failed" && exit_code !== null
        ? `${host}: ${status} (exit code ${exit_code})`
        : `${host}: ${status}`,
    )
    .join(", ");
}

/** What the site showed, after the command had succeeded. */
function verification(verify: KnownDeployment["verify"]): string {
  if (verify === null) return "";
  const { url, status, answer } = verify;
  const shown =
    status === "succeeded"
      ? "as expected"
      : answer === null
        ? ""
        : `last answer: ${escapeInline(cleanLine(answer))}`;
  return [escapeInline(status), link(cleanLine(url), url), shown].filter((part) => part !== "").join(", ");
}

function todo(report: StepReport): string {
  const items = remedies(report);
  if (items.length === 0) return "";
  return `#### What to do\n\n${items.map(listItem).join("\n")}`;
}

function logTail({ journal }: StepReport): string {
  const tail = journal.acceptance?.last.log_tail;
  return tail
    ? `<details><summary>Last lines of the command's output</summary>\n${codeBlock(lastCharacters(tail))}\n</details>`
    : "";
}

function lastCharacters(text: string): string {
  return cleanText(text.slice(-8_000), 32_000).slice(-4_000).toWellFormed();
}

function routesTable({ journal: { entries }, verdict, withoutGitHub }: StepReport): string {
  if (entries.length === 0) return "";
  const { first, omitted, last } = listedEntries(entries);
  const clocks = verdict.kind === "dry run";
  const rows = [
    ...first.map((entry) => entryRow(entry, clocks)),
    ...(omitted > 0 ? [["", "", "", "", "", `… ${omitted} more requests …`]] : []),
    ...last.map((entry) => entryRow(entry, clocks)),
  ];
  const header = ["At", "Step", "Route", "Took", "Status", "Result", ...(clocks ? ["Clock"] : [])];
  const none = withoutGitHub === null ? "" : `\n\nGitHub was no route: ${escapeInline(withoutGitHub)}.`;
  return `#### ${clocks ? "Routes checked" : "Routes tried"}\n\n${table(header, rows)}${none}`;
}

function entryRow({ step, round, endpoint, startedAt, tookMs, result }: Entry, clocks: boolean): string[] {
  const status = "status" in result && result.status !== null ? String(result.status) : "none";
  return [
    clock(startedAt),
    step === "deliver" ? `deliver, round ${round}` : step,
    escapeInline(endpoint.label),
    formatDuration(tookMs),
    status,
    resultCell({ step, result }),
    ...(clocks ? [skewCell("skewMs" in result ? result.skewMs : undefined)] : []),
  ];
}

function resultCell(entry: Pick<Entry, "step" | "result">): string {
  const { result } = entry;
  const detail = "detail" in result && result.detail !== null ? cleanText(result.detail) : "";
  const answer = detail === "" ? "" : `<details><summary>answer</summary>${codeBlock(detail)}</details>`;
  return `${escapeInline(outcome(entry))}${answer}`;
}

/** The Date header has whole seconds only. */
function skewCell(skewMs: number | undefined): string {
  if (skewMs === undefined) return "unknown";
  if (Math.abs(skewMs) < 2_000) return "in step";
  return `${formatDuration(Math.abs(skewMs))} ${skewMs > 0 ? "ahead" : "behind"}`;
}

function clock(at: Date): string {
  return `${at.toISOString().slice(11, 23)} UTC`;
}

/** Cuts at a line's end, so that no tag is left half written. */
function cut(text: string): string {
  if (Buffer.byteLength(text) <= MAX_SUMMARY_BYTES) return text;
  const head = Buffer.from(text).subarray(0, MAX_SUMMARY_BYTES).toString("utf8");
  return `${head.slice(0, head.lastIndexOf("\n"))}\n</table>\n\nThe rest was cut: this summary was too long.\n`;
}
