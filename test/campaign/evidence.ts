import { existsSync, readdirSync } from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "kysely";
import { RunRegistry } from "../../app/run/run-registry.ts";
import type { DeploymentRecord } from "../../app/store/schema.ts";
import type { Store } from "../../app/store/store.ts";
import type { TestHost } from "../helpers/test-host.ts";
import type { GitHub } from "../simulator/simulator.ts";
import { readScriptTrace, type ScriptLine } from "./deploy-script.ts";
import type { Kill } from "./killer.ts";
import { type FoundProcess, processesLeftIn } from "./processes.ts";
import type { Answer } from "./sender.ts";
import { SOURCES } from "./targets.ts";

/** Everything that the verdict is given on. */
export interface Evidence {
  answers: Answer[];
  kills: Kill[];
  /** All deployments, in the order of acceptance. */
  deployments: DeploymentRecord[];
  deliveries: { id: string; guid: string | null; deployment_ids: string }[];
  marks: { target: string; mark_run_id: number; mark_run_attempt: number }[];
  /** Attempts of deployments that left output: `dep_… 1`. */
  logged: Set<string>;
  trace: ScriptLine[];
  /** Word for GitHub that is left in the outbox, by deployment. */
  untold: Set<string>;
  /** GitHub's Deployments by the id of the deployment that they show: the states that each went through. */
  shown: Map<string, string[][]>;
  /** Violations that were seen while it went on. */
  observed: string[];
  processesLeft: FoundProcess[];
  filesLeft: string[];
  /** What SQLite says of its file; `ok` on PostgreSQL, which is not asked. */
  integrity: string;
}

/** Processes that were told to end have this long, on a busy machine, to do so. */
const END_LIMIT_MS = 15_000;
const TIDY_LIMIT_MS = 10_000;

/** Collects the evidence, once the instances have stopped. */
export async function collect(
  host: TestHost,
  store: Store,
  github: GitHub,
  known: Pick<Evidence, "answers" | "kills" | "observed">,
): Promise<Evidence> {
  const processesLeft = await processesLeftIn(host.directory, END_LIMIT_MS);
  const chunks = await store.read
    .selectFrom("log_chunks")
    .select(["deployment_id", "attempt"])
    .distinct()
    .execute();
  const outbox = await store.read.selectFrom("outbox").select("deployment_id").distinct().execute();
  return {
    ...known,
    deployments: await store.read.selectFrom("deployments").selectAll().orderBy("seq").execute(),
    deliveries: await store.read.selectFrom("deliveries").select(["id", "guid", "deployment_ids"]).execute(),
    marks: await store.read
      .selectFrom("targets")
      .select(["target", "mark_run_id", "mark_run_attempt"])
      .execute(),
    logged: new Set(chunks.map(({ deployment_id, attempt }) => `${deployment_id} ${attempt}`)),
    trace: readScriptTrace(host.traceFile),
    untold: new Set(outbox.map(({ deployment_id }) => deployment_id)),
    shown: shownAt(github),
    processesLeft,
    filesLeft: filesLeft(host),
    integrity: await integrity(store),
  };
}

/** Files of killed runners are removed by the instances once a second; resolves when they have been, or never will. */
export async function untilTidy(host: TestHost): Promise<void> {
  const registry = new RunRegistry(host.stateDirectory);
  const tidy = () => registry.abandoned().length === 0;
  const signal = AbortSignal.timeout(TIDY_LIMIT_MS);
  try {
    const changes = watch(join(host.stateDirectory, "runs"), { signal });
    if (tidy()) return;
    for await (const _ of changes) if (tidy()) return;
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
  }
}

/** An instance's own entry is one file for each name, for ever; everything else must be gone. */
function filesLeft(host: TestHost): string[] {
  const folder = join(host.stateDirectory, "runs");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => !/^instance-(primary|backup)\.json$/.test(name));
}

function shownAt(github: GitHub): Evidence["shown"] {
  const shown: Evidence["shown"] = new Map();
  for (const repository of new Set(Object.keys(SOURCES).map((source) => source.split(" ")[0] as string)))
    for (const { payload, statuses } of github.deployments(repository)) {
      const { twinhook } = (typeof payload === "string" ? JSON.parse(payload) : payload) as {
        twinhook: { id: string };
      };
      const states = statuses.toSorted((a, b) => a.id - b.id).map(({ state }) => state);
      shown.set(twinhook.id, [...(shown.get(twinhook.id) ?? []), states]);
    }
  return shown;
}

async function integrity(store: Store): Promise<string> {
  if (store.engine !== "sqlite") return "ok";
  const { rows } = await sql<{ integrity_check: string }>`PRAGMA integrity_check`.execute(store.read);
  return rows.map(({ integrity_check }) => integrity_check).join("; ");
}
