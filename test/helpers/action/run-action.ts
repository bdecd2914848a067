import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv2020 as Ajv } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { parse } from "yaml";
import { appFile } from "../../../app/bundle/entry-points.ts";
import { mayStartProcesses } from "../may-start-processes.ts";

const ROOT = fileURLToPath(appFile("../"));

/** The committed bundle. */
export const ACTION_BUNDLE = join(ROOT, "action/dist/index.js");

/** What a step left behind. */
export interface ActionResult {
  exitCode: number | null;
  outputs: Record<string, string>;
  /** The job summary, as Markdown. */
  summary: string;
  stdout: string;
  stderr: string;
  /** From the start of the process to its end. */
  tookMs: number;
}

/** A step that is under way. */
export interface RunningAction {
  pid: number;
  /** Sends a signal, as the runner does when the job is cancelled. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the step has printed this text, and fails when it ends without. */
  printed(text: string): Promise<void>;
  result: Promise<ActionResult>;
}

/** The environment of a push to `main` of `acme/site`, as a runner sets it; a test overrides what it is about. */
export const RUNNER_ENV = {
  GITHUB_ACTIONS: "true",
  CI: "true",
  GITHUB_REPOSITORY: "acme/site",
  GITHUB_RUN_ID: "30433642",
  GITHUB_RUN_ATTEMPT: "1",
  GITHUB_SHA: "1111111111111111111111111111111111111111",
  GITHUB_REF: "refs/heads/main",
  GITHUB_WORKFLOW_REF: "acme/site/.github/workflows/deploy.yml@refs/heads/main",
  GITHUB_ACTOR: "octocat",
  GITHUB_EVENT_NAME: "push",
  GITHUB_SERVER_URL: "https://github.com",
} as const;

/**
 * Runs the committed bundle as a runner does: inputs as `INPUT_*` with the defaults of `action.yml`, the
 * runner's variables, and files for outputs and summary. Nothing else of this process's environment reaches it
 * but `PATH` and `HOME`.
 *
 * @param env overrides `RUNNER_ENV`; an undefined value takes a variable away. `GITHUB_OUTPUT` and
 * `GITHUB_STEP_SUMMARY` may be overridden too.
 */
export async function runAction(
  inputs: Record<string, string>,
  env: Record<string, string | undefined> = {},
): Promise<ActionResult> {
  return (await startAction(inputs, env)).result;
}

/** The same, for tests that do something while the step runs. */
export async function startAction(
  inputs: Record<string, string>,
  env: Record<string, string | undefined> = {},
): Promise<RunningAction> {
  const folder = await mkdtemp(join(tmpdir(), "twinhook-action-"));
  const outputFile = join(folder, "output");
  const summaryFile = join(folder, "summary");
  await Promise.all([writeFile(outputFile, ""), writeFile(summaryFile, "")]);
  const started = performance.now();
  mayStartProcesses();
  const child = spawn(process.execPath, [ACTION_BUNDLE], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      ...RUNNER_ENV,
      GITHUB_OUTPUT: outputFile,
      GITHUB_STEP_SUMMARY: summaryFile,
      ...(await inputVariables(inputs)),
      ...env,
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code));
  });
  // A test that gives up must not leave the step behind.
  const killLeftover = () => void child.kill("SIGKILL");
  process.once("exit", killLeftover);
  child.once("close", () => process.off("exit", killLeftover));
  return {
    pid: child.pid ?? -1,
    kill: (signal) => void child.kill(signal),
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (stdout.includes(text)) resolve();
        };
        child.stdout.on("data", look);
        child.once("close", () => reject(new Error(`the step ended without printing "${text}"`)));
        look();
      }),
    result: ended.then(async (exitCode) => {
      const tookMs = performance.now() - started;
      const outputs = parseOutputs(await readFile(outputFile, "utf8"));
      if (outputs.report !== undefined) assertReport(outputs.report);
      const summary = await readFile(summaryFile, "utf8");
      await rm(folder, { recursive: true, force: true });
      return { exitCode, outputs, summary, stdout, stderr, tookMs };
    }),
  };
}

const validateReport = addFormats
  .default(new Ajv({ strict: true, allowUnionTypes: true }))
  .compile(JSON.parse(readFileSync(join(ROOT, "action/report/report.schema.json"), "utf8")));

/** Every report that any test sees is one that the documented schema describes. */
function assertReport(report: string): void {
  if (!validateReport(JSON.parse(report)))
    throw new Error(`the report is not what its schema says: ${JSON.stringify(validateReport.errors)}`);
}

/**
 * Writes an event's payload and gives the variables that point to it.
 * @param cleanUp is called with a function that removes the file, for instance vitest's `onTestFinished`.
 */
export async function eventVariables(
  name: string,
  payload: unknown,
  cleanUp: (remove: () => Promise<void>) => void,
): Promise<Record<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), "twinhook-event-"));
  cleanUp(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "event.json");
  await writeFile(path, JSON.stringify(payload));
  return { GITHUB_EVENT_NAME: name, GITHUB_EVENT_PATH: path };
}

async function inputVariables(inputs: Record<string, string>): Promise<Record<string, string>> {
  const declared = (parse(await readFile(join(ROOT, "action.yml"), "utf8")) as ActionMetadata).inputs;
  for (const name of Object.keys(inputs))
    if (!(name in declared)) throw new Error(`action.yml declares no input "${name}"`);
  return Object.fromEntries(
    Object.entries(declared).map(([name, { default: byDefault }]) => [
      `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`,
      // Where the runner would fill in the job's token there is none, unless a test gives one: no step may reach
      // the real GitHub.
      inputs[name] ?? byDefault?.replace(/^\$\{\{.*\}\}$/, "") ?? "",
    ]),
  );
}

interface ActionMetadata {
  inputs: Record<string, { default?: string }>;
}

/** Reads the `name<<delimiter … delimiter` records of a runner's output file. */
function parseOutputs(text: string): Record<string, string> {
  const outputs: Record<string, string> = {};
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at += 1) {
    const [, name, delimiter] = /^(.+?)<<(.+)$/.exec(lines[at] ?? "") ?? [];
    if (name === undefined || delimiter === undefined) continue;
    const end = lines.indexOf(delimiter, at + 1);
    outputs[name] = lines.slice(at + 1, end).join("\n");
    at = end;
  }
  return outputs;
}
