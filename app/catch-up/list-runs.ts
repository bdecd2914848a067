import { z } from "zod";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { TargetConfig } from "../config/schema.ts";
import { isGone } from "../github/github-error.ts";
import type { ItemReader } from "../github/item-reader.ts";
import { type Octokit, ownerAndName } from "../github/repository-access.ts";
import { failureOf, settleInGroups } from "../upkeep/settle-in-groups.ts";
import { type CompletedRun, completedRun } from "./unrecorded-runs.ts";

const PER_PAGE = 100;
/** The pages on which all runs are listed; of older runs only those that succeeded. */
const PLAIN_PAGES = 3;
/** GitHub lists no more than 1,000 runs for a filter. */
const FILTERED_PAGES = 10;
/** A list may lag behind the single runs. So runs that the list shows as open are read one by one, at most this many. */
const MOST_OPEN = 100;

/** The wanted runs of a workflow. */
export interface WantedRuns {
  repository: string;
  workflow: string;
  /** The branch, if all targets that want the runs deploy the same one. */
  branch: string | null;
  /** The lowest wanted run number: the list is read down to it. */
  from: number;
  isWanted: (run: { run_number: number; id: number }) => boolean;
}

/** The runs of a workflow, as GitHub shows them. */
export interface ListedRuns {
  /** The wanted runs that have ended. */
  completed: CompletedRun[];
  /** Whether GitHub shows the run of this number, ended or not. */
  isShown: (number: number) => boolean;
}

/** The fields that select a run; the others are read only of a wanted one. */
const placedRun = z.looseObject({ id: z.int(), run_number: z.int(), status: z.string().nullish() });

/** Lists the runs of a workflow, the newest first, down to the lowest wanted number. */
export async function listRuns(
  octokit: Octokit,
  wanted: WantedRuns,
  {
    targets,
    names,
    items,
    signal,
  }: {
    targets: readonly TargetConfig[];
    names: RepositoryNames | undefined;
    items: ItemReader;
    signal: AbortSignal;
  },
): Promise<ListedRuns> {
  const { repository, workflow, branch, from, isWanted } = wanted;
  const what = `a run of ${workflow} of ${repository}`;
  const page = async (number: number, filter: { status?: "success"; branch?: string }) => {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs", {
      ...ownerAndName(repository),
      workflow_id: workflow.replace(/^.*\//, ""),
      ...filter,
      per_page: PER_PAGE,
      page: number,
      request: { signal },
    });
    return data.workflow_runs;
  };
  const runs = new Map<number, z.infer<typeof placedRun>>();
  /** Lists down to the lowest wanted number, or to the end. Returns whether more pages are left. */
  const list = async (pages: number, filter: Parameters<typeof page>[1]): Promise<boolean> => {
    for (let number = 1; number <= pages; number++) {
      const listed = await page(number, filter);
      const read = items.readEach(listed, what, (run) => placedRun.parse(run));
      for (const run of read) runs.set(run.run_number, run);
      if (listed.length < PER_PAGE || read.some(({ run_number }) => run_number <= from)) return false;
    }
    return true;
  };

  const more = await list(PLAIN_PAGES, {});
  // Below this number only successful runs are listed; the others are not deployed.
  const floor = more ? Math.min(...runs.keys()) : 0;
  if (more) await list(FILTERED_PAGES, { status: "success", ...(branch !== null && { branch }) });

  const found = [...runs.values()].filter(isWanted);
  const open = found.filter(({ status }) => status !== "completed").slice(0, MOST_OPEN);
  const read = await settleInGroups(open, ({ id }) => readRun(octokit, repository, id, signal));
  const failure = failureOf(read);
  if (failure !== undefined) throw failure;
  const ended = [
    ...found,
    ...read.flatMap((one) => (one.status === "fulfilled" && one.value ? [one.value] : [])),
  ].filter(({ status }) => status === "completed");
  return {
    // A run that cannot be read holds up no later one: its event could not be read either.
    completed: items.readEach(ended, what, (run) => completedRun(run, targets, names)),
    isShown: (number) => number < floor || runs.has(number),
  };
}

/** The run as it is now; null if it was deleted. */
async function readRun(octokit: Octokit, repository: string, id: number, signal: AbortSignal) {
  try {
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/actions/runs/{run_id}", {
      ...ownerAndName(repository),
      run_id: id,
      request: { signal },
    });
    return data;
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}
