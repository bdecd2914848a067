import { cleanLine } from "../foreign-text.ts";
import { remedies, skewRemedy } from "./remedies.ts";
import type { StepReport } from "./report.ts";
import { verdictSentence } from "./verdict-sentence.ts";

export interface Annotation {
  level: "notice" | "warning" | "error";
  message: string;
}

/** GitHub keeps ten annotations of a kind per step. */
const MAX_WARNINGS = 10;

/** The annotations on the run's page: the delivering route, lost routes, and the failure. */
export function annotations(report: StepReport): Annotation[] {
  const { verdict, success, journal } = report;
  const list: Annotation[] = [];
  const notice = (message: string) => list.push({ level: "notice", message });

  const by = journal.acceptance?.endpoint;
  if (by?.route === "backup") notice(`The ${by.label} delivered the deployment, after the primary failed.`);
  if (by?.route === "github" && journal.acceptance?.last.onRecord)
    notice(`${by.label} delivered the deployment, after no endpoint had taken it.`);
  if (verdict.kind === "superseded" && success) notice(verdictSentence(report));

  const lost = journal.lostRoutes().map(({ endpoint, last, attempts }) => {
    // A proxy's page says no more than its status does.
    const said = last.byTheApp === false ? null : last.detail;
    const detail = said === null ? "" : ` It said: ${cleanLine(said, 200)}`;
    const times = attempts === 1 ? "" : ` (${attempts} times)`;
    return `Lost route ${endpoint.label}${times}: ${last.cause}. ${last.remedy}${detail}`;
  });
  const skewed = journal.skewed().map(skewRemedy);
  const warnings = [...lost, ...skewed];
  if (verdict.kind === "confirmed" && verdict.deployment.status === "failed")
    warnings.unshift(
      "The deployment has started and has already failed; this step waited for its start only.",
    );
  const shown = warnings.length > MAX_WARNINGS ? warnings.slice(0, MAX_WARNINGS - 1) : warnings;
  for (const message of shown) list.push({ level: "warning", message });
  if (shown.length < warnings.length)
    list.push({
      level: "warning",
      message: `${warnings.length - shown.length} more routes were lost: see the job summary.`,
    });

  if (!success) {
    // The lost routes have their own warnings; the error adds only the rest.
    const more = verdict.kind === "misconfigured" ? remedies(report).map((problem) => `\n${problem}`) : [];
    list.push({ level: "error", message: [verdictSentence(report), ...more].join("") });
  }
  return list;
}
