import type { Changes } from "./changes.ts";

/** What goes wrong. */
export type FaultKind =
  /** The connection is cut before anything happens. */
  | { kind: "reset" }
  /** No answer comes until the fault is cleared, and then the connection is cut. */
  | { kind: "hang" }
  /** GitHub answers with this status, and does nothing. */
  | { kind: "status"; status: number; message?: string; headers?: Record<string, string> }
  /** Something in front of GitHub answers with this status and a page; GitHub hears nothing. */
  | { kind: "page"; status: number }
  /** The answer comes this much later. */
  | { kind: "latency"; ms: number }
  /** The hourly limit is used up until `resetInS` seconds from now (default 60). */
  | { kind: "rate-limit"; status?: 403 | 429; resetInS?: number }
  /** GitHub's limit on bursts; the wait is in `retry-after` (default 60), or left unsaid. */
  | { kind: "secondary-rate-limit"; status?: 403 | 429; retryAfterS?: number | "unsaid" }
  /** The request takes effect and is answered with half a JSON text. */
  | { kind: "corrupt" }
  /** The request takes effect, and the connection is cut instead of the answer. */
  | { kind: "lost-answer" };

/** Which requests go wrong, and how often; without these, all of them until cleared. */
export interface FaultScope {
  /** `PATCH /app/hook/config`, or `/repos/*` for any method; `*` stands for anything. */
  route?: string;
  /** How many requests. */
  times?: number;
}

/** A fault that was set. */
export interface Fault {
  readonly fault: FaultKind;
  /** How many requests it has met. */
  readonly hits: number;
  clear(): void;
}

/** The faults that tests set. The one set first wins; latency adds to others. */
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

  /** The faults that this request meets; each counts it. */
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

  /** Everything is well again. */
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
