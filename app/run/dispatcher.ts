import type { Logger } from "pino";
import type { Accepted } from "../accept/accepted.ts";
import type { Arrival } from "../accept/arrival.ts";
import type { CommitInput } from "../accept/commit-task.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { secretValues } from "../config/secret-values.ts";
import type { TargetKey } from "../queue/last-success.ts";
import { blocks, isBetween, pending, type RunningDeployment } from "../queue/pending.ts";
import { hostWork, type PlacedTarget } from "../queue/placement/host-work.ts";
import type { Placement } from "../queue/placement/placement.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { Store } from "../store/store.ts";
import { inheritedEnvironment } from "./command-environment.ts";
import { giveUpOrphan } from "./give-up-orphan.ts";
import { lockNames } from "./lock-names.ts";
import { tryAcquireAll } from "./os-lock.ts";
import { isAlive } from "./process-identity.ts";
import type { RunRegistry } from "./run-registry.ts";
import type { RunnerPool } from "./runner-pool.ts";

/** How often to check the store without a wake-up, for dead runners of others and expired leases. */
const SWEEP_MS = 1_000;
/** While nothing waits or runs, only one sweep in so many takes place. */
const QUIET_SWEEPS = 10;
/** How long a peer has to clear away a dead deployment whose target only the peer's configuration names. */
const ORPHAN_MS = 60_000;

/**
 * Gives jobs to runners: for a target that has a waiting deployment and no runner, and to clear away after a
 * dead runner. Any instance may do this; the locks and the claim decide which one runs.
 */
export class Dispatcher {
  #store: Store;
  #clock: Clock;
  #pool: RunnerPool;
  #registry: RunRegistry;
  #host: string;
  #lockDirectory: string;
  #targets: readonly TargetConfig[];
  /** The placements of the targets whose command runs on certain hosts. */
  #placements: Map<TargetConfig, Placement>;
  #tellSuccess: boolean;
  #log: Logger;
  /** Targets that a runner of this instance is busy with. */
  #assigned = new Set<TargetConfig>();
  /** The running deployments at the last check. */
  #occupied: RunningDeployment[] = [];
  #unconfigured = new Set<string>();
  /** When this instance first found each dead deployment without a configured target (monotonic ms). */
  #orphans = new Map<string, number>();
  #looking = false;
  #again = false;
  #timer: NodeJS.Timeout | undefined;
  /** Whether nothing waited or ran at the last look. */
  #isQuiet = false;
  #unwatch: (() => void) | undefined;
  #closed = false;

  constructor(options: {
    store: Store;
    clock: Clock;
    pool: RunnerPool;
    registry: RunRegistry;
    host: string;
    /** The directory of the host's locks. */
    lockDirectory: string;
    targets: readonly TargetConfig[];
    /** Where a target's command may run; null where on any host. */
    placementOf?: (target: TargetConfig) => Placement | null;
    /** Whether a channel wants alerts of successes. */
    tellSuccess?: boolean;
    log: Logger;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#pool = options.pool;
    this.#registry = options.registry;
    this.#host = options.host;
    this.#lockDirectory = options.lockDirectory;
    this.#targets = options.targets;
    const placed = options.targets.map((target) => [target, options.placementOf?.(target)] as const);
    this.#placements = new Map(
      placed.flatMap(([target, placement]) => (placement ? [[target, placement]] : [])),
    );
    this.#tellSuccess = options.tellSuccess ?? false;
    this.#log = options.log;
  }

  start(): void {
    this.#unwatch = this.#store.onChange(() => this.wake());
    let quiet = 0;
    this.#timer = setInterval(() => {
      // Where nothing waits or runs, only a change of the store brings work.
      quiet = this.#isQuiet ? quiet + 1 : 0;
      if (quiet % QUIET_SWEEPS !== 0) return;
      this.wake();
      void this.#tidy().catch((error) =>
        this.#log.warn({ err: error }, "cannot remove the files of dead workers, retry in 1 s"),
      );
    }, SWEEP_MS);
    this.wake();
  }

  /** Gives out no more jobs. Runners finish the jobs that they have. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    this.#unwatch?.();
    this.#pool.close();
  }

  /**
   * Deployments of these arrivals' targets wait now. Where a runner is ready and nothing known blocks the target, the
   * job starts without a query of the store. The query would take as long as the claim itself.
   */
  offer(queued: readonly Arrival[]): void {
    let left = false;
    for (const { repository, targets } of queued)
      for (const { name } of targets) {
        const target = this.#startable(repository, name);
        if (target) this.#assign(target);
        else left = true;
      }
    // A check would only take processor time from the job that has just begun.
    if (left) this.wake();
  }

  /**
   * Lets a ready runner commit the only arrival of `input`, which names one target, and claim with the same commit.
   * Resolves with the result, or with undefined where the commit failed. Returns undefined where no runner is ready, or
   * the target is not free.
   */
  begin(input: CommitInput): Promise<Accepted | undefined> | undefined {
    const [arrival] = input.arrivals;
    const name = arrival?.targets[0]?.name;
    const target = arrival && name !== undefined && this.#startable(arrival.repository, name);
    if (!target || !this.#pool.hasReady) return undefined;
    return new Promise((resolve) => this.#assign(target, { input, resolve }));
  }

  /** The target, where a runner is ready and nothing known blocks it. */
  #startable(repository: string, name: string): TargetConfig | undefined {
    const target = this.#find(repository, name);
    if (!target || this.#closed || !this.#pool.hasSpare || this.#assigned.has(target)) return undefined;
    const placement = this.#placements.get(target);
    const here = !placement || placement.hosts[0]?.name === placement.self;
    return here && !this.#occupied.some((d) => blocks(d, target)) ? target : undefined;
  }

  /** Checks for work now, or once more after the check under way. */
  wake(): void {
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    void this.#look()
      .catch((error) => this.#log.warn({ err: error }, "cannot read the waiting deployments, retry in 1 s"))
      .finally(() => {
        this.#looking = false;
        if (!this.#again || this.#closed) return;
        this.#again = false;
        this.wake();
      });
  }

  /** Removes the entries of dead runners, unless a running deployment still needs one for its clean-up. */
  async #tidy(): Promise<void> {
    // The order matters: a dead runner claims nothing more after this line.
    const abandoned = this.#registry.abandoned();
    if (abandoned.length === 0) return;
    const { running } = await pending(this.#store);
    const needed = new Set(running.map(({ holder }) => holder));
    for (const { holder } of abandoned) if (!needed.has(holder)) this.#registry.remove(holder);
  }

  async #look(): Promise<void> {
    this.#isQuiet = false;
    const { waiting, running } = await pending(this.#store);
    // A host that comes back may be given work without a change of the store.
    this.#isQuiet = waiting.length + running.length + this.#placements.size === 0;
    if (this.#closed) return;
    const elsewhere = running.some(({ host }) => host !== this.#host);
    const now = elsewhere ? await this.#store.now(this.#store.read) : 0;
    const here = await this.#workHere();
    if (this.#closed) return;
    const gone = running.filter((deployment) => !isBetween(deployment) && this.#isGone(deployment, now));
    this.#occupied = running.filter((deployment) => !gone.includes(deployment));
    const left = [...gone, ...running.filter(isBetween)].filter(({ host }) => host === this.#host);
    this.#giveUpOrphans(left.filter((d) => !this.#find(d.repository_key, d.target)));
    for (const { repositoryKey: key, target: name } of [
      ...gone.map(keyOf),
      ...waiting.filter((one) => !one.isHeld && !this.#isPlaced(one)),
      ...running
        .filter(isBetween)
        .filter((one) => !this.#isPlaced(keyOf(one)))
        .map(keyOf),
      ...here,
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

  /** The targets with a certain place of which something may begin on this host now. */
  async #workHere(): Promise<TargetKey[]> {
    if (this.#placements.size === 0) return [];
    const placed = [...this.#placements].map(
      ([{ repository, name }, placement]): PlacedTarget => ({
        repositoryKey: repositoryKey(repository),
        target: name,
        placement,
      }),
    );
    return hostWork(this.#store.read, placed);
  }

  #isPlaced({ repositoryKey: key, target: name }: TargetKey): boolean {
    const target = this.#find(key, name);
    return target !== undefined && this.#placements.has(target);
  }

  #giveUpOrphans(found: readonly RunningDeployment[]): void {
    const now = this.#clock.monotonic();
    this.#orphans = new Map(found.map(({ id }) => [id, this.#orphans.get(id) ?? now]));
    for (const orphan of found) {
      if (now - (this.#orphans.get(orphan.id) ?? now) < ORPHAN_MS) continue;
      this.#orphans.set(orphan.id, now);
      const place = { store: this.#store, clock: this.#clock, registry: this.#registry, log: this.#log };
      void giveUpOrphan({ ...place, lockDirectory: this.#lockDirectory }, orphan).catch((error) =>
        this.#log.warn(
          { err: error, deployment: orphan.id },
          "cannot end a deployment whose target is not configured, retry in 60 s",
        ),
      );
    }
  }

  #find(repository: string, name: string): TargetConfig | undefined {
    return this.#targets.find((t) => repositoryKey(t.repository) === repository && t.name === name);
  }

  /** `now` is the store's time, like the lease of another host. */
  #isGone(deployment: RunningDeployment, now: number): boolean {
    if (deployment.host !== this.#host) return (deployment.lease_until ?? 0) < now;
    const entry = this.#registry.read(deployment.holder ?? "");
    return !entry || !isAlive(entry.runner);
  }

  /** Without a ready runner a new process would be loaded, only to find that a peer's runner was faster. */
  #isWorthIt(target: TargetConfig): boolean {
    if (this.#pool.hasSpare) return true;
    const locks = tryAcquireAll(this.#lockDirectory, lockNames(target));
    for (const lock of locks ?? []) lock.release();
    return locks !== null;
  }

  #assign(
    target: TargetConfig,
    accept?: { input: CommitInput; resolve: (accepted: Accepted | undefined) => void },
  ): void {
    this.#assigned.add(target);
    const inherited = inheritedEnvironment(process.env, target.pass_env);
    const secrets = secretValues(target, process.env);
    const placement = this.#placements.get(target) ?? null;
    const tellSuccess = this.#tellSuccess;
    const job = { type: "job" as const, target, placement, inherited, secrets, tellSuccess };
    void this.#pool.run({ ...job, accept: accept?.input }, accept?.resolve).then((result) => {
      this.#assigned.delete(target);
      accept?.resolve(undefined);
      // The other results need no wake-up here: a released lock or claim changes the store, which wakes this
      // instance. And runners that die at once (no memory, say) must not be started as fast as they die.
      if (result === "ran" || result === "nothing") this.wake();
    });
  }

  #warnUnconfigured(key: string, name: string): void {
    const target = `${key} ${name}`;
    if (this.#unconfigured.has(target)) return;
    this.#unconfigured.add(target);
    this.#log.warn(
      { target },
      "a deployment waits for a target that is not configured; add it to twinhook.yml, or cancel the deployment",
    );
  }
}

function keyOf({ repository_key: repositoryKey, target }: RunningDeployment): TargetKey {
  return { repositoryKey, target };
}
