import { readFileSync } from "node:fs";
import * as core from "@actions/core";
import { formatDuration } from "../shared/format-duration.ts";
import { Stopped } from "./ask/ends.ts";
import { createRedactor, fencedLines } from "./foreign-text.ts";
import { called, isPlainAndRemote } from "./input/endpoints.ts";
import { outcome } from "./report/outcome.ts";
import { publish } from "./report/publish.ts";
import { run } from "./run.ts";

// From here on the step is red unless something proves success.
process.exitCode = 1;

const end = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end.abort(new Stopped(signal)));
// A stray error ends the step like any other: with outputs and a summary.
process.on("uncaughtException", (error) => end.abort(error));

const secret = core.getInput("secret");
const secrets = [
  secret,
  secret.replace(/^whsec_/, ""),
  core.getInput("github-token"),
  process.env.ACTIONS_ID_TOKEN_REQUEST_TOKEN ?? "",
];
for (const one of new Set(secrets)) if (one !== "") core.setSecret(one);
const redact = createRedactor(secrets);

const report = await run({
  readInput: (name) => core.getInput(name),
  env: process.env,
  readEvent: () => {
    try {
      return JSON.parse(readFileSync(process.env.GITHUB_EVENT_PATH ?? "", "utf8"));
    } catch {
      return null;
    }
  },
  onToken: (token) => core.setSecret(token),
  redact,
  end,
  onStart: (inputs, request) => {
    for (const endpoint of inputs.endpoints.filter(isPlainAndRemote))
      core.warning(`The ${endpoint.label} is reached over http: what is sent can be read on the way.`, {
        title: "Twinhook",
      });
    core.info(
      `${inputs.dryRun ? "Checking every route for" : "Delivering"} ${request.repository} at ${request.sha} to ${request.environment} (run ${request.run_id}, attempt ${request.run_attempt}).`,
    );
  },
  onEntry: (entry) => {
    const { step, endpoint, tookMs, result } = entry;
    core.info(redact(`${step}: ${endpoint.label}: ${outcome(entry)} (${formatDuration(tookMs)})`));
    if (!("detail" in result) || result.detail === null) return;
    core.startGroup(`The answer of ${called(endpoint)}`);
    process.stdout.write(fencedLines(redact(result.detail)));
    core.endGroup();
  },
  onPause: (pauseMs, nextRound) => core.info(`Round ${nextRound} follows in ${formatDuration(pauseMs)}.`),
  onWaiting: ({ acceptance }, waitedMs) =>
    core.info(
      `Waiting for ${formatDuration(waitedMs)}: ${acceptance?.last.onRecord ? acceptance.last.status : "not yet found at GitHub"}${acceptance ? `, says ${called(acceptance.lastFrom)}` : ""}.`,
    ),
});
publish(report, redact);
if (report.success) process.exitCode = 0;

// Nothing may hold the step open now; the callback runs when all output has been written.
process.stdout.write("", () => process.exit());
