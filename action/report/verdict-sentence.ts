import { formatDuration } from "../../shared/format-duration.ts";
import type { Acceptance } from "../ask/journal.ts";
import { cleanLine } from "../foreign-text.ts";
import { called } from "../input/endpoints.ts";
import type { StepReport } from "./report.ts";

/** The verdict in one sentence. Its only foreign text is cleaned names. */
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
      const { exit_code: code, verify } = verdict.deployment;
      if (verify?.status === "failed")
        return `${what} failed: ${by} and run, and its command succeeded, but its site did not show it.`;
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
        : acceptance && !acceptance.last.onRecord && journal.isProofRefused()
          ? `${what} is not confirmed: every endpoint refused the proof of identity (401), and what was left at GitHub was not found there within ${formatDuration(timeoutMs)}.`
          : `${what} is not confirmed: ${by}, but within ${formatDuration(timeoutMs)} it was not seen to be ${{ accepted: "on record", started: "started", succeeded: "successful" }[waitFor]} (last state: ${acceptance ? lastState(acceptance) : "unknown"}). It goes on without this step.`;
    case "exhausted": {
      const why = {
        rounds: `every endpoint failed in every round (${journal.deliveriesToEndpoints()} requests)`,
        refused: "every endpoint refused it for good",
        unproven: "every endpoint refused the proof of identity (401)",
        "too long to wait": "no endpoint took it, and the next try would come too late",
        "time up": `no route accepted it within ${formatDuration(timeoutMs)}`,
        "refused at GitHub": "no endpoint took it, and the App refused what was left at GitHub",
      }[verdict.because];
      return `${what} was not delivered: ${why}${verdict.alsoGitHub ? ", and it could not be left at GitHub" : ""}.`;
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
