import type { DeploymentStatus } from "../shared/deployment.ts";
import type { KnownDeployment } from "./answer.ts";
import type { Endpoint } from "./endpoints.ts";
import type { Judgement, Refusal } from "./judge.ts";

/** One request, as the summary's table shows it. */
export interface Entry {
  step: "deliver" | "confirm";
  endpoint: Endpoint;
  /** The round it belongs to, from 1. */
  round: number;
  startedAt: Date;
  tookMs: number;
  result: { kind: "deployment"; status: number; state: DeploymentStatus } | Refusal | { kind: "cut off" };
}

/** What is known of the deployment: who accepted it and what was last read. */
export interface Acceptance {
  endpoint: Endpoint;
  at: Date;
  /** The last state that was read, and by whom it was told. */
  last: KnownDeployment;
  lastFrom: Endpoint;
}

/** An endpoint that failed, and did not come back in this step. */
export interface LostRoute {
  endpoint: Endpoint;
  last: Refusal;
  /** How many of its replies were refusals or none. */
  attempts: number;
}

/**
 * Everything that happened in this step, kept while it happens: whatever ends the step, and whenever, the
 * summary tells what was already accepted.
 */
export class Journal {
  readonly entries: Entry[] = [];
  acceptance: Acceptance | null = null;
  /** Requests that tried to deliver. */
  deliveries = 0;
  /** Requests that read the deployment back. */
  reads = 0;
  /** Per endpoint: its last refusal (null once it gave our deployment again) and how many there were. */
  readonly #refusals = new Map<Endpoint, { last: Refusal | null; attempts: number }>();
  readonly #now: () => number;
  readonly #onEntry: (entry: Entry) => void;

  constructor(now: () => number, onEntry: (entry: Entry) => void) {
    this.#now = now;
    this.#onEntry = onEntry;
  }

  /** Runs one request and notes it, also when it is cut off. Reads that bring nothing new are only counted. */
  async record(
    at: Pick<Entry, "step" | "endpoint" | "round">,
    request: () => Promise<Judgement>,
  ): Promise<Judgement> {
    const started = this.#now();
    if (at.step === "deliver") this.deliveries += 1;
    else this.reads += 1;
    const note = (result: Entry["result"]): void => {
      const entry = { ...at, startedAt: new Date(started), tookMs: this.#now() - started, result };
      this.entries.push(entry);
      this.#onEntry(entry);
    };
    let judgement: Judgement;
    try {
      judgement = await request();
    } catch (error) {
      note({ kind: "cut off" });
      throw error;
    }
    const refused = judgement.kind === "deployment" ? null : judgement;
    const before = this.#refusals.get(at.endpoint)?.attempts ?? 0;
    this.#refusals.set(at.endpoint, { last: refused, attempts: before + (refused ? 1 : 0) });
    if (judgement.kind !== "deployment") note(judgement);
    else if (this.#learn(at, judgement.deployment))
      note({ kind: "deployment", status: judgement.status, state: judgement.deployment.status });
    return judgement;
  }

  /** The endpoints whose last reply was a refusal or none, in the order in which they were first asked. */
  lostRoutes(): LostRoute[] {
    return [...this.#refusals]
      .filter(([, { last }]) => last !== null)
      .map(([endpoint, { last, attempts }]) => ({ endpoint, last: last as Refusal, attempts }));
  }

  /** Whether a request whose answer never came may have been accepted all the same. */
  mayHaveArrived(): boolean {
    return this.entries.some(
      ({ step, result }) =>
        step === "deliver" &&
        (result.kind === "cut off" || (result.kind === "transient" && result.mayHaveArrived)),
    );
  }

  /** Notes what a deployment's state says; true when it is news. */
  #learn({ step, endpoint }: Pick<Entry, "step" | "endpoint">, deployment: KnownDeployment): boolean {
    const before = this.acceptance;
    if (before === null) {
      this.acceptance = { endpoint, at: new Date(this.#now()), last: deployment, lastFrom: endpoint };
      return true;
    }
    const news =
      step === "deliver" || before.last.status !== deployment.status || before.lastFrom !== endpoint;
    this.acceptance = { ...before, last: deployment, lastFrom: endpoint };
    return news;
  }
}
