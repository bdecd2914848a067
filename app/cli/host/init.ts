import { randomBytes } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { basename, join, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { stringify } from "yaml";
import { ENV_FILE, readEnvFile, setInEnvFile } from "../../config/environment/env-file.ts";
import { DEFAULT_FILE, loadConfig } from "../../config/load.ts";
import { ConfigError, formatProblem } from "../../config/problem.ts";
import { configSchema } from "../../config/schema.ts";
import { workflowSnippet } from "../../setup/checklist.ts";
import { CommandFailure, EXIT } from "../failure.ts";
import type { CommonOptions } from "../options.ts";
import { printJson, type Terminal } from "../terminal.ts";

/** The file with the job for the repository's workflow. */
const WORKFLOW_FILE = "twinhook-workflow.yml";
const LISTENS = ["127.0.0.1:9100", "127.0.0.1:9101"] as const;

const HEADER = `# Twinhook's configuration. twinhook.example.yml has every key with comments; twinhook check finds what is wrong.
`;

/** The answers that a first configuration needs; each can be given as an option. */
export interface Answers {
  primary?: string;
  backup?: string;
  store?: string;
  admin?: string;
  repository?: string;
  environment?: string;
  workflow?: string;
  run?: string;
  directory?: string;
}

interface Question {
  key: keyof Answers;
  text: string;
  /** What an empty answer means; undefined where there must be one. */
  fallback: (known: Answers) => string | undefined;
}

const QUESTIONS: readonly Question[] = [
  {
    key: "primary",
    text: "Public URL of the primary, where a proxy with a certificate answers",
    fallback: () => `https://${hostname()}:9000`,
  },
  { key: "backup", text: "Public URL of the backup", fallback: ({ primary = "" }) => backupOf(primary) },
  { key: "store", text: "Store", fallback: () => "sqlite:./data/twinhook.db" },
  { key: "admin", text: "Your login at GitHub", fallback: () => undefined },
  { key: "repository", text: "Repository to deploy (OWNER/NAME)", fallback: () => undefined },
  { key: "environment", text: "Environment", fallback: () => "production" },
  { key: "workflow", text: "Workflow that must succeed first", fallback: () => ".github/workflows/ci.yml" },
  { key: "run", text: "Command that deploys", fallback: () => "./deploy.sh" },
  {
    key: "directory",
    text: "Folder where it runs",
    fallback: ({ repository = "" }) => `/srv/${basename(repository)}`,
  },
];

/** Asks a person; an empty answer means the fallback. */
export type Ask = (question: string) => Promise<string>;

/**
 * `twinhook init`: writes a first `twinhook.yml`, `.env` and the job for the workflow into this folder. It asks for what
 * no option says.
 */
export async function init(
  terminal: Terminal,
  options: CommonOptions & Answers & { yes?: boolean; force?: boolean },
  ask: Ask | null = process.stdin.isTTY ? askPerson : null,
  folder = ".",
): Promise<number> {
  const files = [DEFAULT_FILE, ENV_FILE, WORKFLOW_FILE].map((file) => join(folder, file));
  const [configFile = "", envFile = "", workflowFile = ""] = files;
  const existing = files.filter((file) => existsSync(file));
  if (existing.length > 0 && !options.force)
    throw new CommandFailure(
      EXIT.failed,
      `${existing.join(" and ")} exist already, and nothing was written; use another folder, or replace them with --force`,
    );
  const answers = await answersOf(options, options.yes ? null : ask);
  const content = contentOf(answers);
  const fault = configSchema.safeParse(content).error?.issues[0];
  if (fault)
    throw new CommandFailure(
      EXIT.usage,
      `${fault.path.join(".")}: expected ${fault.message}; nothing was written, give another answer`,
    );
  // Ctrl-C waits until all files are written.
  terminal.interrupted("ignored");
  writeFileSync(configFile, HEADER + stringify(content, { lineWidth: 0 }), { mode: 0o644 });
  // What stands there already, such as the App's key, stays.
  if (!readEnvFile(envFile)?.TWINHOOK_ADMIN_TOKEN)
    setInEnvFile(envFile, { TWINHOOK_ADMIN_TOKEN: randomBytes(32).toString("hex") });
  writeFileSync(workflowFile, workflowSnippet([answers.primary, answers.backup]), { mode: 0o644 });
  const todo = [...problemsIn(configFile, terminal), ...STEPS];
  if (options.json) printJson(terminal, { files: files.map((file) => resolve(file)), todo });
  else
    terminal.write(
      `wrote ${files.join(", ")}\n\nNext:\n${todo.map((step, index) => `  ${index + 1}. ${step}`).join("\n")}\n`,
    );
  return EXIT.done;
}

const STEPS = [
  "let a proxy with a certificate pass each URL on to its listen address (docs/start.md, Caddy)",
  "twinhook start makes the GitHub App at /setup, if .env has none yet",
  `put the job of ${WORKFLOW_FILE} into the repository's workflow`,
  "twinhook doctor says what is still wrong",
];

async function answersOf(given: Answers, ask: Ask | null): Promise<Required<Answers>> {
  const answers: Answers = {};
  const missing: string[] = [];
  for (const { key, text, fallback } of QUESTIONS) {
    const proposed = fallback(answers);
    const answer =
      given[key] ??
      (ask &&
        ((await ask(`${text}${proposed === undefined ? "" : ` [${proposed}]`}: `)).trim() || undefined)) ??
      proposed;
    if (answer === undefined) missing.push(`--${key}`);
    else answers[key] = answer;
  }
  if (missing.length > 0)
    throw new CommandFailure(
      EXIT.usage,
      `there is no default for ${missing.join(" and ")}; give ${missing.length === 1 ? "it" : "them"}, or run the command in a terminal, where it asks`,
    );
  return answers as Required<Answers>;
}

function contentOf({ primary, backup, store, admin, run, directory, ...target }: Required<Answers>) {
  const { repository, environment, workflow } = target;
  return {
    instances: [
      { name: "primary", url: primary, listen: LISTENS[0] },
      { name: "backup", url: backup, listen: LISTENS[1] },
    ],
    admins: [admin],
    store,
    targets: [{ repository, environment, workflow, run: run.split(/\s+/), directory: resolve(directory) }],
    alerts: [],
  };
}

/** The same host, one port further. */
function backupOf(primary: string): string | undefined {
  if (!URL.canParse(primary)) return undefined;
  const url = new URL(primary);
  url.port = String(Number(url.port || 9_000) + 1);
  return url.href.replace(/\/+$/, "");
}

/** What is wrong on this host: a folder or a command that is not there yet. */
function problemsIn(configFile: string, { env }: Terminal): string[] {
  try {
    loadConfig({ PATH: env.PATH, TWINHOOK_CONFIG: configFile });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // There is no App yet.
    return error.problems.filter(({ file }) => file === configFile).map(formatProblem);
  }
}

async function askPerson(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
    throw new CommandFailure(EXIT.interrupted, "interrupted; nothing was written");
  } finally {
    lines.close();
  }
}
