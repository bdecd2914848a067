import type { Client } from "./client.ts";
import { createClient } from "./client.ts";
import { deliver } from "./deliver.ts";
import { Stopped, TimeUp } from "./ends.ts";
import { InputError, type Inputs, parseInputs } from "./inputs.ts";
import { type Entry, Journal } from "./journal.ts";
import type { StepReport } from "./report.ts";
import { type ActionRequest, buildRequest } from "./request.ts";
import { isSuccess, type Verdict } from "./verdict.ts";
import { verify } from "./verify.ts";

export interface RunOptions {
  /** The text of an input, empty when it is not set. */
  readInput: (name: string) => string;
  env: Readonly<Record<string, string | undefined>>;
  /** The payload of the event that started the workflow. */
  readEvent: () => unknown;
  redact: (text: string) => string;
  /** Ends the step; its signal's reason is a `Stopped` when the job is cancelled. */
  end: AbortController;
  /** Told what the step sets out to do, once the inputs are known to be right. */
  onStart: (inputs: Inputs, request: ActionRequest) => void;
  onEntry: (entry: Entry) => void;
  onPause: (pauseMs: number, nextRound: number) => void;
  now?: () => number;
}

/** The whole step: reads the inputs, delivers, reads back. Never throws: every end is a verdict. */
export async function run(options: RunOptions): Promise<StepReport> {
  const { end, now = Date.now } = options;
  const started = now();
  const journal = new Journal(now, options.onEntry);
  let inputs: Inputs | null = null;
  let request: ActionRequest | null = null;
  let timer: NodeJS.Timeout | undefined;
  let verdict: Verdict;
  try {
    inputs = parseInputs(options.readInput);
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
    journal,
    tookMs: now() - started,
  };
}

async function pursue({
  inputs,
  request,
  journal,
  now,
  deadline,
  end,
  redact,
  onPause,
}: Pick<RunOptions, "end" | "redact" | "onPause"> & {
  inputs: Inputs;
  request: ActionRequest;
  journal: Journal;
  now: () => number;
  deadline: number;
}): Promise<Verdict> {
  const { signal } = end;
  const client: Client = createClient({ ...inputs, signal, redact });
  const common = { ...inputs, client, request, journal, now, deadline, signal };
  const delivery = await deliver({ ...common, onPause });
  if (delivery.kind === "exhausted") return delivery;
  const { acceptance } = journal;
  if (acceptance === null) throw new Error("accepted, but by no endpoint");
  if (inputs.dryRun) return { kind: "dry run", deployment: acceptance.last };
  const verification = await verify({ ...common, acceptance });
  return verification.kind === "unreadable" ? { kind: "unconfirmed", because: "unreadable" } : verification;
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
