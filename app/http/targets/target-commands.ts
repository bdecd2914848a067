import { type Rollback, type RollbackRequest, rollBack } from "../../accept/roll-back.ts";
import { nameOf, type Viewer } from "../../auth/viewer.ts";
import { requireManager, requireSight } from "../../auth/viewer-of.ts";
import { type Clock, isoTime } from "../../clock.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { endHold, type HeldTarget, type Hold, setHold } from "../../queue/hold.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { Store } from "../../store/store.ts";
import type { Audit } from "../audit.ts";
import { HttpProblem } from "../problem.ts";

export interface TargetCommandsOptions {
  store: Store;
  clock: Clock;
  /** The name of this instance. */
  instance: string;
  config: { targets: readonly TargetConfig[] };
  audit: Audit;
  /** Called when a target may begin another deployment. */
  onMoved: () => void;
}

/** A target that a person may change. */
export interface ManagedTarget {
  viewer: Viewer;
  target: TargetConfig;
  held: HeldTarget;
  /** Its name in words: `production of acme/site`. */
  name: string;
}

const REFUSED = { not_found: 404, conflict: 409, invalid: 422 } as const;

/** What people may do to a target, for the API and the pages. Each command is recorded in the audit list. */
export class TargetCommands {
  #o: TargetCommandsOptions;

  constructor(options: TargetCommandsOptions) {
    this.#o = options;
  }

  /**
   * The target that the viewer wants to change.
   * @throws {HttpProblem} 404 where there is none. {Refusal} where the viewer may not see or change it.
   */
  managed(
    viewer: Viewer,
    { owner = "", repo = "", name = "" }: Record<string, string | undefined>,
  ): ManagedTarget {
    const key = repositoryKey(`${owner}/${repo}`);
    const target = this.#o.config.targets.find((t) => repositoryKey(t.repository) === key && t.name === name);
    const missing = `there is no target ${name} of ${owner}/${repo}; see twinhook.yml`;
    requireSight(viewer, key, name, missing);
    if (!target) throw new HttpProblem(404, missing);
    requireManager(viewer, target.repository, name);
    const held = { repositoryKey: key, repository: target.repository, target: target.name };
    return { viewer, target, held, name: `${target.name} of ${target.repository}` };
  }

  /**
   * Deploys an earlier commit again. `known` says that it is live, or on its way, already.
   * @throws {HttpProblem} 404, 409 or 422 where that is refused.
   */
  async rollBack(
    { viewer, target, name }: ManagedTarget,
    request: Omit<RollbackRequest, "by">,
  ): Promise<Extract<Rollback, { deployment: unknown }>> {
    const { store, clock, instance, audit, onMoved } = this.#o;
    let done: Extract<Rollback, { deployment: unknown }> | undefined;
    const details = `${name} to ${request.to}${request.reason && `: ${request.reason}`}`;
    await audit.run(viewer, "rollback", details, async () => {
      const by = { instance, now: clock.now() };
      const result = await rollBack(store, target, { ...request, by: nameOf(viewer) }, by);
      if ("reason" in result) throw new HttpProblem(REFUSED[result.kind], result.reason);
      done = result;
      const { id, sha, status } = result.deployment;
      const commit = sha.slice(0, 12);
      if (result.kind === "new") return `${commit} is deployed again: ${id}`;
      return status === "succeeded" ? `${commit} is live already: ${id}` : `${commit} is on its way: ${id}`;
    });
    onMoved();
    return done as NonNullable<typeof done>;
  }

  /**
   * Holds a target until `until` (ms), or until it is released.
   * @throws {HttpProblem} 422 where that time is over.
   */
  async hold(
    { viewer, held, name }: ManagedTarget,
    { reason, until }: Pick<Hold, "reason" | "until">,
  ): Promise<Hold> {
    const { store, audit } = this.#o;
    let hold: Hold | undefined;
    await audit.run(viewer, "hold", `${name}: ${reason}`, async () => {
      const now = await store.now(store.read);
      if (until !== null && until <= now)
        throw new HttpProblem(
          422,
          `until: expected a time in the future, got ${isoTime(until)}; it is ${isoTime(now)} now. Name a later time, or null for a hold without an end`,
        );
      const who = { by: nameOf(viewer), reason, until };
      hold = await store.write((trx) => setHold(trx, store, held, who));
      return until === null ? "held until it is released" : `held until ${isoTime(until)}`;
    });
    return hold as Hold;
  }

  /** Ends a target's hold, if there is one. */
  async release({ viewer, held, name }: ManagedTarget): Promise<void> {
    const { store, audit, onMoved } = this.#o;
    await audit.run(viewer, "release", name, async () => {
      const hold = await store.write((trx) => endHold(trx, store, held, nameOf(viewer)));
      return hold
        ? `released; ${hold.by} held it since ${isoTime(hold.since)}: ${hold.reason}`
        : "it was not held";
    });
    onMoved();
  }
}
