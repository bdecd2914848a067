import { Breakers } from "./ask/breakers.ts";
import { type Delivery, deliver } from "./ask/deliver.ts";
import { EndpointAvailability } from "./ask/endpoint-availability.ts";
import { Stopped, TimeUp } from "./ask/ends.ts";
import type { Entry } from "./ask/entry.ts";
import { Journal } from "./ask/journal.ts";
import { type ActionRequest, buildRequest } from "./ask/request.ts";
import { createRoutes, type RoutesOptions } from "./ask/routes.ts";
import { verify } from "./ask/verify.ts";
import { checkRoutes } from "./check.ts";
import { InputError } from "./input/input-error.ts";
import { type Inputs, parseInputs } from "./input/inputs.ts";
import type { StepReport } from "./report/report.ts";
import { isSuccess, type Verdict } from "./report/verdict.ts";

/**
 * The part of the time limit that is kept for GitHub, at most. An instance scans there once a minute, and the
 * parked request must then be confirmed.
 */
const MOST_KEPT_FOR_GITHUB_MS = 120_000;

export interface RunOptions extends Pick<RoutesOptions, "env" | "onToken" | "redact"> {
  /** Returns the text of an input, empty when it is not set. */
  readInput: (name: string) => string;
  /** Returns the payload of the event that started the workflow. */
  readEvent: () => unknown;
  /** Ends the step; its signal's reason is a `Stopped` when the job is cancelled. */
  end: AbortController;
  /** Called with the step's request once the inputs are valid. */
  onStart: (inputs: Inputs, request: ActionRequest) => void;
  onEntry: (entry: Entry) => void;
  onPause: (pauseMs: number, nextRound: number) => void;
  /** Called now and then while the deployment's state does not change. */
  onWaiting: (journal: Journal, waitedMs: number) => void;
  now?: () => number;
}

/** Milliseconds since 1970, counted monotonically from the start: setting the wall clock moves no limit. */
const steadyNow = () => Math.round(performance.timeOrigin + performance.now());

/** Runs the whole step: reads the inputs, delivers, reads back. Never throws: every end is a verdict. */
export async function run(options: RunOptions): Promise<StepReport> {
  const { end, now = steadyNow } = options;
  const started = now();
  const journal = new Journal(now, options.onEntry);
  let inputs: Inputs | null = null;
  let request: ActionRequest | null = null;
  let timer: NodeJS.Timeout | undefined;
  let verdict: Verdict;
  try {
    inputs = parseInputs(options.readInput, options.env);
    request = buildRequest(inputs, options.env, options.readEvent);
    options.onStart(inputs, request);
    const { timeoutMs } = inputs;
    timer = setTimeout(() => end.abort(new TimeUp(timeoutMs)), timeoutMs);
    verdict = await pursue({ ...options, inputs, request, journal, now, deadline: started + timeoutMs });
  } catch (error) {
    verdict = verdictOf(error, journal);
  } finally {
    clearTimeout(timer);
  }
  return {
    verdict,
    success: isSuccess(verdict, inputs?.onSuperseded ?? "fail"),
    request,
    waitFor: inputs?.waitFor ?? "started",
    timeoutMs: inputs?.timeoutMs ?? 0,
    withoutGitHub: inputs?.withoutGitHub ?? null,
    journal,
    tookMs: now() - started,
  };
}

async function pursue({
  inputs,
  journal,
  deadline,
  end: { signal },
  onPause,
  onWaiting,
  ...rest
}: Omit<RunOptions, "now"> & {
  inputs: Inputs;
  request: ActionRequest;
  journal: Journal;
  now: () => number;
  deadline: number;
}): Promise<Verdict> {
  const { endpoints, github, client } = createRoutes({ ...rest, inputs, signal });
  if (inputs.dryRun)
    return { kind: "dry run", ...(await checkRoutes({ client, endpoints, github, journal })) };

  const { now } = rest;
  const breakers = new Breakers(now);
  const availability = new EndpointAvailability(breakers, now);
  const common = { ...inputs, client, breakers, availability, journal, now, deadline, signal };
  const keptMs = github ? Math.min(MOST_KEPT_FOR_GITHUB_MS, inputs.timeoutMs / 2) : 0;
  let delivery = await deliver({
    ...common,
    onPause,
    another: github !== null,
    deadline: deadline - keptMs,
  });
  if (delivery.kind === "exhausted") {
    if (delivery.because === "refused" && journal.isProofRefused())
      delivery = { kind: "exhausted", because: "unproven" };
    if (!github || isRefusedAtGitHub(delivery, journal, rest.request)) return delivery;
    const left = await deliver({ ...common, onPause, endpoints: [github.endpoint], another: false });
    // Parking failed, so the endpoints get the time that was kept for GitHub.
    if (left.kind === "exhausted" && delivery.because === "too long to wait")
      delivery = await deliver({ ...common, onPause, another: false });
    if (left.kind === "exhausted" && delivery.kind === "exhausted") return { ...delivery, alsoGitHub: true };
  }

  const { acceptance } = journal;
  if (acceptance === null) throw new Error("accepted, but by no route");
  const verification = await verify({
    ...common,
    endpoints: github ? [...endpoints, github.endpoint] : endpoints,
    acceptance,
    onWaiting: (waitedMs) => onWaiting(journal, waitedMs),
  });
  switch (verification.kind) {
    case "unreadable":
      return { kind: "unconfirmed", because: "unreadable" };
    case "refused":
      return { kind: "exhausted", because: "refused at GitHub" };
    default:
      return verification;
  }
}

/**
 * Whether the App would also refuse the request at GitHub a minute later, for its content or its proof. There a run that
 * has succeeded needs no proof, but this job's own run has not ended. GitHub's clock dates the proof there, so a wrong
 * clock of an instance does no harm.
 */
function isRefusedAtGitHub(
  delivery: Delivery & { kind: "exhausted" },
  journal: Journal,
  { run_id, via }: ActionRequest,
): boolean {
  if (delivery.because === "unproven") return run_id === via.run_id && journal.skewed().length === 0;
  return (
    delivery.because === "refused" &&
    journal.lostRoutes().some(({ last }) => last.byTheApp === true && last.status !== 401)
  );
}

function verdictOf(error: unknown, journal: Journal): Verdict {
  if (error instanceof InputError) return { kind: "misconfigured", problems: error.problems };
  if (error instanceof Stopped) return { kind: "stopped", signal: error.signal };
  if (error instanceof TimeUp)
    return { kind: journal.acceptance ? "unconfirmed" : "exhausted", because: "time up" };
  return {
    kind: "broken",
    message: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
  };
}
