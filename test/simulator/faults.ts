import type { Changes } from "./changes.ts";

/** The kinds of faults. */
export type FaultKind =
  /** The connection is cut before anything happens. */
  | { kind: "reset" }
  /** No answer comes until the fault is cleared; then the connection is cut. */
  | { kind: "hang" }
  /** GitHub answers with this status, and does nothing. */
  | { kind: "status"; status: number; message?: string; headers?: Record<string, string> }
  /** A proxy in front of GitHub answers with this status and a page; GitHub gets no request. */
  | { kind: "page"; status: number }
  /** The answer comes this much later. */
  | { kind: "latency"; ms: number }
  /** The hourly limit is used up until `resetInS` seconds from now (default 60). */
  | { kind: "rate-limit"; status?: 403 | 429; resetInS?: number }
  /** GitHub's limit on bursts; `retry-after` gives the wait (default 60), unless it is left unsaid. */
  | { kind: "secondary-rate-limit"; status?: 403 | 429; retryAfterS?: number | "unsaid" }
  /** The request takes effect; its answer is half a JSON text. */
  | { kind: "corrupt" }
  /** The request takes effect; then the connection is cut without an answer. */
  | { kind: "lost-answer" };

/**
 * The requests that a fault affects, and how many. Without these, the fault affects all requests until it is
 * cleared.
 */
export interface FaultScope {
  /** `PATCH /app/hook/config`, or `/repos/*` for any method; `*` stands for anything. */
  route?: string;
  /** How many requests. */
  times?: number;
}

/** An active fault. */
export interface Fault {
  readonly fault: FaultKind;
  /** How many requests it has affected. */
  readonly hits: number;
  clear(): void;
}

/** The faults that tests set. The oldest wins; latency adds to others. */
export class Faults {
  readonly #active = new Set<ActiveFault>();
  readonly #changes: Changes;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** Sets a fault. */
  add(fault: FaultKind, scope: FaultScope = {}): Fault {
    const active: ActiveFault = {
      fault,
      pattern: patternOf(scope.route ?? "*"),
      left: scope.times ?? Infinity,
      hits: 0,
      cleared: Promise.withResolvers(),
      clear: () => {
        this.#active.delete(active);
        active.cleared.resolve();
      },
    };
    this.#active.add(active);
    return active;
  }

  /** The faults that affect this request; each counts the request. */
  meeting(method: string, path: string): { fault: FaultKind; cleared: Promise<void> }[] {
    const request = `${method} ${path}`;
    const met: ActiveFault[] = [];
    for (const active of this.#active) {
      const isLatency = active.fault.kind === "latency";
      if (!active.pattern.test(request)) continue;
      if (!isLatency && met.some(({ fault }) => fault.kind !== "latency")) continue;
      met.push(active);
      active.hits++;
      active.left--;
      if (active.left <= 0) this.#active.delete(active);
      this.#changes.emit("fault", active);
    }
    return met.map(({ fault, cleared }) => ({ fault, cleared: cleared.promise }));
  }

  /** Removes all faults. */
  clear(): void {
    for (const active of [...this.#active]) active.clear();
  }
}

interface ActiveFault extends Fault {
  pattern: RegExp;
  left: number;
  hits: number;
  cleared: PromiseWithResolvers<void>;
}

function patternOf(route: string): RegExp {
  const text = route.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return route.startsWith("/") ? new RegExp(`^[A-Z]+ ${text}$`) : new RegExp(`^${text}$`);
}
