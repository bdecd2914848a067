import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { pending, type RunningDeployment } from "../queue/pending.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import { inheritedEnvironment } from "./command-environment.ts";
import { giveUpOrphan } from "./give-up-orphan.ts";
import { lockNames } from "./lock-names.ts";
import { tryAcquireAll } from "./os-lock.ts";
import { isAlive } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";
import type { RunnerPool } from "./runner-pool.ts";

/** How often to look without having been woken: for runners of others that died, and leases that ran out. */
const SWEEP_MS = 1_000;
/** How long a twin has to clear away what is left of a target that only its own configuration still names. */
const ORPHAN_MS = 60_000;

/**
 * Gives work to runners: whenever something waits for a target that nobody is working on, or a runner is gone
 * and what it left must be cleared away. Any instance may do this; the locks and the claim decide who does.
 */
export class Dispatcher {
  #store: Store;
  #clock: Clock;
  #pool: RunnerPool;
  #registry: RunRegistry;
  #host: string;
  #lockDirectory: string;
  #targets: readonly TargetConfig[];
  #log: Logger;
  /** Targets that a runner of this instance is busy with. */
  #assigned = new Set<TargetConfig>();
  /** What ran at the last look. */
  #occupied: RunningDeployment[] = [];
  #unconfigured = new Set<string>();
  /** Since when deployments of targets that are not configured are known to have lost their runner. */
  #orphans = new Map<string, number>();
  #looking = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  #closed = false;

  constructor(options: {
    store: Store;
    clock: Clock;
    pool: RunnerPool;
    registry: RunRegistry;
    host: string;
    /** Where the host's locks are. */
    lockDirectory: string;
    targets: readonly TargetConfig[];
    log: Logger;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#pool = options.pool;
    this.#registry = options.registry;
    this.#host = options.host;
    this.#lockDirectory = options.lockDirectory;
    this.#targets = options.targets;
    this.#log = options.log;
  }

  start(): void {
    this.#unwatch = this.#store.onChange(() => this.wake());
    this.#timer = setInterval(() => {
      this.wake();
      void this.#tidy().catch((error) => this.#log.warn({ err: error }, "cannot tidy up after dead runners"));
    }, SWEEP_MS);
    this.wake();
  }

  /** Gives out no more work. Runners go on with what they have. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unwatch?.();
    this.#pool.close();
  }

  /**
   * Something waits for these targets now. Where a runner is ready and nothing is known to be in the way, it
   * begins without a look at the store, which would take as long as the claim itself.
   */
  offer(queued: readonly { repository: string; target: string }[]): void {
    let left = false;
    for (const { repository, target: name } of queued) {
      const target = this.#find(repository, name);
      const free = target && !this.#assigned.has(target) && !this.#occupied.some((d) => blocks(d, target));
      if (free && this.#pool.hasSpare && !this.#closed) this.#assign(target);
      else left = true;
    }
    // A look would only take time from what has just begun.
    if (left) this.wake();
  }

  /** Looks for work now, or once more after the look that is under way. */
  wake(): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    void this.#look()
      .catch((error) => this.#log.warn({ err: error }, "cannot look for work; trying again"))
      .finally(() => {
        this.#looking = false;
        if (!this.#again || this.#closed) return;
        this.#again = false;
        this.wake();
      });
  }

  /** Removes what dead runners left, unless a deployment of theirs has yet to be cleared away with its help. */
  async #tidy(): Promise<void> {
    // In this order: a runner that is gone claims nothing more.
    const abandoned = this.#registry.abandoned();
    if (abandoned.length === 0) return;
    const { running } = await pending(this.#store);
    const needed = new Set(running.map(({ holder }) => holder));
    for (const { holder } of abandoned) if (!needed.has(holder)) this.#registry.remove(holder);
  }

  async #look(): Promise<void> {
    const { waiting, running } = await pending(this.#store);
    if (this.#closed) return;
    const elsewhere = running.some(({ host }) => host !== this.#host);
    const now = elsewhere ? await this.#store.now(this.#store.read) : 0;
    const gone = running.filter((deployment) => this.#isGone(deployment, now));
    this.#occupied = running.filter((deployment) => !gone.includes(deployment));
    this.#giveUpOrphans(gone.filter((d) => d.host === this.#host && !this.#find(d.repository_key, d.target)));
    for (const { repositoryKey: key, target: name } of [
      ...gone.map((d) => ({ repositoryKey: d.repository_key, target: d.target })),
      ...waiting,
    ]) {
      const target = this.#find(key, name);
      if (!target) this.#warnUnconfigured(key, name);
      else if (
        !this.#assigned.has(target) &&
        !this.#occupied.some((d) => blocks(d, target)) &&
        this.#isWorthIt(target)
      )
        this.#assign(target);
    }
  }

  #giveUpOrphans(found: readonly RunningDeployment[]): void {
    const now = this.#clock.monotonic();
    this.#orphans = new Map(found.map(({ id }) => [id, this.#orphans.get(id) ?? now]));
    for (const orphan of found) {
      if (now - (this.#orphans.get(orphan.id) ?? now) < ORPHAN_MS) continue;
      this.#orphans.set(orphan.id, now);
      const place = { store: this.#store, clock: this.#clock, registry: this.#registry, log: this.#log };
      void giveUpOrphan({ ...place, lockDirectory: this.#lockDirectory }, orphan).catch((error) =>
        this.#log.warn({ err: error, deployment: orphan.id }, "cannot give up a deployment without a target"),
      );
    }
  }

  #find(repository: string, name: string): TargetConfig | undefined {
    return this.#targets.find((t) => repositoryKey(t.repository) === repository && t.name === name);
  }

  /** `now` is the store's: by it the lease of another host was written. */
  #isGone(deployment: RunningDeployment, now: number): boolean {
    if (deployment.host !== this.#host) return (deployment.lease_until ?? 0) < now;
    const entry = this.#registry.read(deployment.holder ?? "");
    return !entry || !isAlive(entry.runner);
  }

  /** A process need not be loaded only to find that a twin's runner was faster. */
  #isWorthIt(target: TargetConfig): boolean {
    if (this.#pool.hasSpare) return true;
    const locks = tryAcquireAll(this.#lockDirectory, lockNames(target));
    for (const lock of locks ?? []) lock.release();
    return locks !== null;
  }

  #assign(target: TargetConfig): void {
    this.#assigned.add(target);
    const inherited = inheritedEnvironment(process.env, target.pass_env);
    void this.#pool.run({ type: "job", target, inherited }).then((result) => {
      this.#assigned.delete(target);
      // What others hold they let go of with a change of the store, which wakes this one; and runners that die
      // one after the other (no memory left, say) must not be started as fast as they die.
      if (result === "ran" || result === "nothing") this.wake();
    });
  }

  #warnUnconfigured(key: string, name: string): void {
    const target = `${key} ${name}`;
    if (this.#unconfigured.has(target)) return;
    this.#unconfigured.add(target);
    this.#log.warn(
      { target },
      "a deployment waits for a target that the configuration does not name (any more)",
    );
  }
}

function blocks(deployment: RunningDeployment, target: TargetConfig): boolean {
  return (
    (deployment.repository_key === repositoryKey(target.repository) && deployment.target === target.name) ||
    (target.lock !== null && deployment.lock === target.lock)
  );
}
