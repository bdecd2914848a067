import { appendFileSync } from "node:fs";
import * as core from "@actions/core";
import { fencedLines } from "../foreign-text.ts";
import { annotations } from "./annotations.ts";
import { outputs } from "./outputs.ts";
import { remedies } from "./remedies.ts";
import type { StepReport } from "./report.ts";
import { buildSummary } from "./summary.ts";
import { verdictSentence } from "./verdict-sentence.ts";

/**
 * Publishes the outcome to log, annotations, outputs and job summary. When one fails, the next still runs.
 */
export function publish(report: StepReport, redact: (text: string) => string): void {
  attempt("log", () => {
    core.info(redact(verdictSentence(report)));
    const tail = report.journal.acceptance?.last.log_tail;
    if (tail) group("Last lines of the command's output", redact(tail.slice(-2_000)));
    const todo = report.success ? [] : remedies(report);
    if (todo.length > 0) process.stdout.write(`What to do:\n${fencedLines(redact(todo.join("\n")), 8_000)}`);
    const url = report.journal.acceptance?.last.url;
    if (url) process.stdout.write(`The deployment's page:\n${fencedLines(redact(url))}`);
  });
  attempt("annotations", () => {
    const annotate = { notice: core.notice, warning: core.warning, error: core.error };
    for (const { level, message } of annotations(report))
      annotate[level](redact(message), { title: "Twinhook" });
  });
  // Written here, in one synchronous piece: after a cancel only seconds are left. core.summary escapes
  // nothing and throws when its variable is missing.
  attempt("job summary", () => {
    const file = process.env.GITHUB_STEP_SUMMARY;
    if (file) appendFileSync(file, redact(buildSummary(report)));
    else core.info("No job summary: the runner set no GITHUB_STEP_SUMMARY.");
  });
  attempt("outputs", () => {
    if (!process.env.GITHUB_OUTPUT) return core.info("No outputs: the runner set no GITHUB_OUTPUT.");
    for (const [name, value] of Object.entries(outputs(report))) core.setOutput(name, redact(value));
  });
}

function group(title: string, foreign: string): void {
  core.startGroup(title);
  process.stdout.write(fencedLines(foreign));
  core.endGroup();
}

function attempt(what: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    core.warning(
      `The ${what} could not be written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
