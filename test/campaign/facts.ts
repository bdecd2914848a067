import { MAX_INTERRUPTIONS } from "../../app/queue/interrupt.ts";
import type { DeploymentRecord } from "../../app/store/schema.ts";
import type { Evidence } from "./evidence.ts";
import type { CampaignTarget } from "./targets.ts";

/** The evidence in the form that the rules need. */
export class Facts {
  readonly evidence: Evidence;
  readonly byId: Map<string, DeploymentRecord>;
  /** `dep_… 1`: the attempts whose command began, and those whose command came to its end. */
  readonly started: Map<string, number>;
  readonly ended: Set<string>;
  readonly #killedCommands: Set<string>;

  constructor(evidence: Evidence) {
    this.evidence = evidence;
    this.byId = new Map(evidence.deployments.map((row) => [row.id, row]));
    this.started = new Map();
    for (const { what, deployment, attempt } of evidence.trace)
      if (what === "start") {
        const key = `${deployment} ${attempt}`;
        this.started.set(key, (this.started.get(key) ?? 0) + 1);
      }
    this.ended = new Set(
      evidence.trace
        .filter(({ what }) => what === "end")
        .map(({ deployment, attempt }) => `${deployment} ${attempt}`),
    );
    this.#killedCommands = new Set(evidence.kills.flatMap(({ commands }) => commands));
  }

  of({ name }: CampaignTarget): DeploymentRecord[] {
    return this.evidence.deployments.filter(({ target }) => target === name);
  }

  /** Whether a claim on it was ever committed, so that it raised the mark. */
  ran({ token }: DeploymentRecord): boolean {
    return token > 0;
  }

  /** Whether it is right that this one failed: it was interrupted too often, or its command was killed. */
  rightlyFailed(row: DeploymentRecord): boolean {
    if (row.interruptions > MAX_INTERRUPTIONS) return row.reason?.startsWith("interrupted") ?? false;
    return row.reason?.includes("SIGKILL") === true && this.#killedCommands.has(`${row.id} ${row.attempt}`);
  }
}

export const keyOf = (target: string, runId: number | null, attempt: number | null) =>
  `${target} ${runId}.${attempt}`;

/** Negative where `a` comes before `b` in their target's order. */
export function inOrder(a: DeploymentRecord, b: DeploymentRecord): number {
  return a.order_run_id - b.order_run_id || a.order_run_attempt - b.order_run_attempt || a.seq - b.seq;
}

/** A deployment in a line, without what only fills it. */
export function show(row: DeploymentRecord | undefined): string {
  if (!row) return "no such deployment";
  const { payload: _p, repository_key: _k, workflow: _w, actor: _a, ...rest } = row;
  return JSON.stringify(Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null)));
}

export function linesOf({ evidence }: Facts, id: string): string[] {
  return evidence.trace.filter(({ deployment }) => deployment === id).map(({ text }) => text);
}
