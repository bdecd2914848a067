import type { WorkflowRun } from "@octokit/webhooks-types";
import { GitHubError, validationFailed } from "./github-error.ts";
import { pageOf } from "./paging.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { FIRST_RUN_ID, workflowRunPayload } from "./workflow-run-payload.ts";
import type { RepositoryRecord, RunRecord } from "./world.ts";

const RUNS = "/repos/{owner}/{repo}/actions/runs";
/** GitHub finds at most so many runs once a filter is used. */
const MOST_FILTERED = 1000;

/** Runs of workflows and their attempts. */
export const workflowRunRoutes: Route[] = [
  { method: "GET", path: RUNS, auth: "token", permission: ["actions", "read"], handle: list },
  {
    method: "GET",
    path: "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    auth: "token",
    permission: ["actions", "read"],
    handle: list,
  },
  {
    method: "GET",
    path: `${RUNS}/{run_id}`,
    auth: "token",
    permission: ["actions", "read"],
    handle: ({ repository, params }) => ({ status: 200, body: newest(runIn(repository, params)) }),
  },
  {
    method: "GET",
    path: `${RUNS}/{run_id}/attempts/{attempt}`,
    auth: "token",
    permission: ["actions", "read"],
    handle: attempt,
  },
];

function list(context: RouteContext): Answer {
  const { repository, query, params, world } = context;
  const shownUntil = world.clock.now() - world.settings.runListLagMs;
  const filters = ["actor", "branch", "created", "event", "head_sha", "status"].filter((name) =>
    query.has(name),
  );
  const created = periodOf(query.get("created"));
  const is = (name: string, ...values: unknown[]) => !query.has(name) || values.includes(query.get(name));
  const found = repository.runs
    .flatMap(({ history }) => history.findLast(({ at }) => at <= shownUntil)?.run ?? [])
    .filter(
      (run) =>
        is("branch", run.head_branch) &&
        is("event", run.event) &&
        is("head_sha", run.head_sha) &&
        is("status", run.status, run.conclusion) &&
        is("actor", run.actor?.login) &&
        created(Date.parse(run.created_at)) &&
        (params.workflow_id === undefined ||
          params.workflow_id === String(run.workflow_id) ||
          `.github/workflows/${params.workflow_id}` === run.path),
    )
    .toSorted((a, b) => b.id - a.id);
  const page = pageOf(context, filters.length > 0 ? found.slice(0, MOST_FILTERED) : found);
  return {
    status: 200,
    body: { total_count: found.length, workflow_runs: page.items },
    headers: page.headers,
  };
}

function attempt({ repository, params }: RouteContext): Answer {
  const isNoted = repository.runs.some(({ id }) => String(id) === params.run_id);
  if (!isNoted && params.run_id === String(FIRST_RUN_ID)) return jobsOwnRun(repository);
  const found = runIn(repository, params).attempts.find((one) => String(one.attempt) === params.attempt);
  if (!found) throw new GitHubError(404, "Not Found");
  return { status: 200, body: found.event.workflow_run };
}

/**
 * The run of a job that a test runs without recording the run. It must exist, since its job sends the
 * request.
 */
function jobsOwnRun({ full_name, id }: RepositoryRecord): Answer {
  const event = workflowRunPayload({ repository: full_name, repositoryId: id, action: "in_progress" });
  return { status: 200, body: event.workflow_run };
}

function runIn(repository: RepositoryRecord, params: Record<string, string>): RunRecord {
  const run = repository.runs.find(({ id }) => String(id) === params.run_id);
  if (!run) throw new GitHubError(404, "Not Found");
  return run;
}

function newest(run: RunRecord): WorkflowRun {
  const last = run.attempts.at(-1);
  if (!last) throw new Error(`run ${run.id} has no attempt`);
  return last.event.workflow_run;
}

/** GitHub's search syntax for dates: `>=2026-01-31`, `<2026-01-31T10:00:00Z`, `a..b` with `*` for open ends. */
function periodOf(text: string | null): (at: number) => boolean {
  if (text === null) return () => true;
  const time = (part: string, endOfDay: boolean) => {
    const at = Date.parse(part);
    if (Number.isNaN(at)) throw validationFailed("WorkflowRun", "created", `cannot read the date ${part}`);
    return endOfDay && part.length === 10 ? at + 86_399_999 : at;
  };
  const [from, to] = text.split("..");
  if (to !== undefined && from !== undefined) {
    const start = from === "*" ? -Infinity : time(from, false);
    const end = to === "*" ? Infinity : time(to, true);
    return (at) => at >= start && at <= end;
  }
  const [, sign = "", date = ""] = /^(>=|<=|>|<|)(.*)$/.exec(text) ?? [];
  if (sign === ">=") return (at) => at >= time(date, false);
  if (sign === "<=") return (at) => at <= time(date, true);
  if (sign === ">") return (at) => at > time(date, true);
  if (sign === "<") return (at) => at < time(date, false);
  return (at) => at >= time(date, false) && at <= time(date, true);
}
