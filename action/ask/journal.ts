import type { Endpoint } from "../input/endpoints.ts";
import type { KnownDeployment } from "./answer.ts";
import type { Entry, Ready } from "./entry.ts";
import type { Judgement, Refusal } from "./judge.ts";

/** A larger clock difference is reported. Beyond 60 s tokens are refused, beyond 5 min signatures. */
const MUCH_SKEW_MS = 30_000;

function isRefusal(judgement: Judgement | Ready): judgement is Refusal {
  return judgement.kind === "transient" || judgement.kind === "permanent";
}

/** The known facts of the deployment: who accepted it, and the last state that was read. */
export interface Acceptance {
  endpoint: Endpoint;
  at: Date;
  /** The last state that was read, and the route that reported it. */
  last: KnownDeployment;
  lastFrom: Endpoint;
  /** Whether an earlier request had already brought the deployment. */
  duplicate: boolean;
}

/** An endpoint that failed and did not recover in this step. */
export interface LostRoute {
  endpoint: Endpoint;
  last: Refusal;
  /** How many of its replies were refusals or missing. */
  attempts: number;
}

/** Records every request as it happens. So the summary knows what was accepted, however the step ends. */
export class Journal {
  readonly entries: Entry[] = [];
  acceptance: Acceptance | null = null;
  /** Requests that tried to deliver. */
  deliveries = 0;
  /** Requests that read the deployment back. */
  reads = 0;
  /**
   * For each endpoint: the number of its refusals, and the last one. The last is null once the endpoint has
   * returned the deployment again.
   */
  readonly #refusals = new Map<Endpoint, { last: Refusal | null; attempts: number }>();
  readonly #now: () => number;
  readonly #onEntry: (entry: Entry) => void;

  constructor(now: () => number, onEntry: (entry: Entry) => void) {
    this.#now = now;
    this.#onEntry = onEntry;
  }

  /** Makes one request and records it, even when it is cut off. Reads without news are only counted. */
  async record<T extends Judgement | Ready>(
    at: Pick<Entry, "step" | "endpoint" | "round">,
    request: () => Promise<T>,
  ): Promise<T> {
    const started = this.#now();
    if (at.step === "confirm") this.reads += 1;
    else this.deliveries += 1;
    const note = (result: Entry["result"]): void => {
      const entry = { ...at, startedAt: new Date(started), tookMs: this.#now() - started, result };
      this.entries.push(entry);
      this.#onEntry(entry);
    };
    let judgement: T;
    try {
      judgement = await request();
    } catch (error) {
      note({ kind: "cut off" });
      throw error;
    }
    const refused = isRefusal(judgement) ? judgement : null;
    const before = this.#refusals.get(at.endpoint)?.attempts ?? 0;
    this.#refusals.set(at.endpoint, { last: refused, attempts: before + (refused ? 1 : 0) });
    if (judgement.kind !== "deployment") note(judgement);
    else if (at.step === "check" || this.#learn(at, judgement.deployment)) {
      const { kind, status, skewMs, deployment } = judgement;
      const { onRecord, duplicate, status: state } = deployment;
      note({ kind, status, state, onRecord, duplicate, ...(skewMs !== undefined && { skewMs }) });
    }
    return judgement;
  }

  /** The endpoints whose last reply was a refusal or missing, in the order of their first request. */
  lostRoutes(): LostRoute[] {
    return [...this.#refusals]
      .filter(([, { last }]) => last !== null)
      .map(([endpoint, { last, attempts }]) => ({ endpoint, last: last as Refusal, attempts }));
  }

  /** Whether every endpoint's last reply was an instance's refusal of the credentials. */
  isProofRefused(): boolean {
    const endpoints = [...this.#refusals].filter(([{ route }]) => route !== "github");
    return (
      endpoints.length > 0 &&
      endpoints.every(([, { last }]) => last?.byTheApp === true && last.status === 401)
    );
  }

  /** The endpoints whose clock differs much by their last answer, with the difference in milliseconds. */
  skewed(): { endpoint: Endpoint; skewMs: number }[] {
    const last = new Map<Endpoint, number>();
    for (const { endpoint, result } of this.entries)
      if ("skewMs" in result && result.skewMs !== undefined) last.set(endpoint, result.skewMs);
    return [...last]
      .filter(([, skewMs]) => Math.abs(skewMs) > MUCH_SKEW_MS)
      .map(([endpoint, skewMs]) => ({ endpoint, skewMs }));
  }

  /** Requests that tried to deliver to an endpoint. */
  deliveriesToEndpoints(): number {
    return this.entries.filter(({ step, endpoint }) => step === "deliver" && endpoint.route !== "github")
      .length;
  }

  /** Whether a request without an answer may still have been accepted. */
  mayHaveArrived(): boolean {
    return this.entries.some(
      ({ step, result }) =>
        step !== "confirm" &&
        (result.kind === "cut off" || (result.kind === "transient" && result.mayHaveArrived)),
    );
  }

  /** Records a deployment's state; returns true when the state is new. */
  #learn({ step, endpoint }: Pick<Entry, "step" | "endpoint">, deployment: KnownDeployment): boolean {
    const before = this.acceptance;
    if (before === null) {
      const { duplicate } = deployment;
      this.acceptance = {
        endpoint,
        at: new Date(this.#now()),
        last: deployment,
        lastFrom: endpoint,
        duplicate,
      };
      return true;
    }
    const news =
      step === "deliver" ||
      before.last.status !== deployment.status ||
      before.last.onRecord !== deployment.onRecord ||
      before.lastFrom !== endpoint;
    this.acceptance = { ...before, last: deployment, lastFrom: endpoint };
    return news;
  }
}
