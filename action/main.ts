import { readFileSync } from "node:fs";
import * as core from "@actions/core";
import { formatDuration } from "../shared/format-duration.ts";
import { isPlainAndRemote } from "./endpoints.ts";
import { Stopped } from "./ends.ts";
import { createRedactor, fencedLines } from "./foreign-text.ts";
import { publish } from "./publish.ts";
import { run } from "./run.ts";

// Whatever happens from here on, a step that proves nothing is red.
process.exitCode = 1;

const end = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => end.abort(new Stopped(signal)));
// A stray error ends the step as any other: with outputs and a summary.
process.on("uncaughtException", (error) => end.abort(error));

const secret = core.getInput("secret");
const secrets = secret === "" ? [] : [secret, secret.replace(/^whsec_/, "")];
for (const part of secrets) if (part !== "") core.setSecret(part);
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
  redact,
  end,
  onStart: (inputs, request) => {
    for (const endpoint of inputs.endpoints.filter(isPlainAndRemote))
      core.warning(`The ${endpoint.label} is reached over http: what is sent can be read on the way.`, {
        title: "Twinhook",
      });
    core.info(
      `Delivering ${request.repository} at ${request.sha} to ${request.environment} (run ${request.run_id}, attempt ${request.run_attempt}).`,
    );
  },
  onEntry: ({ step, endpoint, tookMs, result }) => {
    const took = formatDuration(tookMs);
    const told =
      result.kind === "deployment" ? result.state : result.kind === "cut off" ? "stopped" : result.cause;
    core.info(redact(`${step}: ${endpoint.label}: ${told} (${took})`));
    if ("detail" in result && result.detail !== null)
      process.stdout.write(fencedLines(redact(result.detail)));
  },
  onPause: (pauseMs, nextRound) => core.info(`Round ${nextRound} follows in ${formatDuration(pauseMs)}.`),
});
publish(report, redact);
if (report.success) process.exitCode = 0;

// Nothing may hold the step open now; the callback runs once all that was written has left.
process.stdout.write("", () => process.exit());
