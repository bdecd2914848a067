import { setImmediate } from "node:timers/promises";
import { pino } from "pino";
import { ActiveEndpoint, REPAIR_MS } from "../../app/failover/active-endpoint.ts";
import { type ControllerLease, NotControllerError } from "../../app/failover/controller-lease.ts";
import { EventBus } from "../../app/failover/event-bus.ts";
import type { Health } from "../../app/failover/health-window.ts";
import { initializeSwitchboard, pin, readSwitchboard } from "../../app/failover/switchboard.ts";
import type { WebhookConfig } from "../../app/github/webhook-config.ts";
import type { SwitchboardRow } from "../../app/store/schema.ts";
import { UNHURRIED } from "../helpers/thresholds.ts";
import { type Action, BrokenRule, type Model } from "./explorer.ts";
import { MemoryStore } from "./memory-store.ts";

const ENDPOINTS = ["a", "b"].map((name) => ({ name, url: `https://${name}.example` }));
const urlOf = (name: string) => `https://${name}.example/api/github/webhooks`;
const LOG = pino({ level: "silent" });
/** The later catch-up after a switch: nothing here waits for it. */
const STRAGGLERS_MS = 11_000;

/** How often each of these may happen in one history. */
interface Bounds {
  /** Somebody takes the lease; a person chooses an endpoint; a call to GitHub fails; 30 s pass. */
  takes: number;
  pins: number;
  failures: number;
  passes: number;
}

/** A wrong rule, planted to show that the model finds it. */
export type SwitchFault = "a stale controller writes" | "a decision outlives its lease";

/** A state is its history: the product's objects cannot be copied, so each state is played again from the start. */
interface State {
  history: string[];
  key: string;
  /** The names of the steps that may happen next. */
  next: string[];
}

/**
 * The switch of the webhook's URL: instances that take the lease from each other, decide, write the URL, read it back
 * and record it. Calls to GitHub and commits take any time; calls fail before or after GitHub took them. The product's
 * ActiveEndpoint, WebhookSync and switchboard are what runs.
 */
export async function switchModel(
  names: readonly string[],
  { bounds, fault, calmEvery = 10 }: { bounds: Bounds; fault?: SwitchFault; calmEvery?: number },
): Promise<Model<State>> {
  const store = await MemoryStore.open(["switchboard", "failovers", "alerts", "alert_outbox"]);
  let visited = 0;
  const play = async (history: string[]): Promise<State> => {
    const world = new World(store, names, bounds, fault);
    try {
      await world.begin();
      for (const step of history) await world.take(step);
      return { history, key: await world.key(), next: world.steps().map(({ name }) => name) };
    } finally {
      world.end();
    }
  };
  return {
    name: `switch of the webhook's URL by ${names.length} instances`,
    initial: () => play([]),
    actions: ({ history, next }) =>
      next.map((name): Action<State> => ({ name, next: () => play([...history, name]) })),
    key: ({ key }) => key,
    // To let everything end costs several times as much as to reach the state.
    broken: async ({ history }) => {
      if (++visited % calmEvery !== 0) return null;
      const world = new World(store, names, bounds, fault);
      try {
        await world.begin();
        for (const step of history) await world.take(step);
        return await world.whyNeverRight();
      } catch (error) {
        if (error instanceof BrokenRule) return `${error.message}, once everything under way goes on`;
        throw error;
      } finally {
        world.end();
      }
    },
  };
}

/** Something an instance waits for: it happens when the explorer says so, in one of several ways. */
interface Wait {
  what: string;
  ways: { name: string; costsFailure?: boolean; happen: () => void | Promise<void> }[];
}

interface Actor {
  name: string;
  active: ActiveEndpoint;
  lease: FakeLease;
  waits: Set<Wait>;
  reviewing: boolean;
  /** What its last review was about: nothing comes of another one before something changes. */
  reviewed: string;
  /** Everything that it has learned so far: its state is a function of that. */
  learned: string[];
}

/** A lease that the explorer hands around. What it promises is shown by the model of the lease. */
class FakeLease {
  held = false;
  token = 0;
  #taken = new Set<() => void>();
  readonly write: ControllerLease["write"];
  #tellsOfTaking: boolean;
  constructor(write: ControllerLease["write"], tellsOfTaking: boolean) {
    this.write = write;
    this.#tellsOfTaking = tellsOfTaking;
  }
  onTaken(listener: () => void): () => void {
    this.#taken.add(listener);
    return () => this.#taken.delete(listener);
  }
  take(token: number): void {
    this.held = true;
    this.token = token;
    if (this.#tellsOfTaking) for (const listener of this.#taken) listener();
  }
}

class World {
  #store: MemoryStore;
  #left: Bounds;
  #fault: SwitchFault | undefined;
  #actors: Actor[];
  #url: string | null = urlOf("a");
  #board: SwitchboardRow | undefined;
  #token = 0;
  #now = REPAIR_MS;
  #rule: string | null = null;
  #acting: Actor | undefined;
  #setTimeout = globalThis.setTimeout;
  #clearTimeout = globalThis.clearTimeout;

  constructor(store: MemoryStore, names: readonly string[], bounds: Bounds, fault: SwitchFault | undefined) {
    this.#store = store;
    this.#left = { ...bounds };
    this.#fault = fault;
    const timers = new Map<object, Wait>();
    globalThis.setTimeout = ((done: () => void, ms = 0) => {
      const timer = { unref: () => timer, ref: () => timer };
      if (ms !== STRAGGLERS_MS)
        timers.set(timer, this.#wait("the pause", [{ name: "is over", happen: done }]));
      return timer;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((timer: object) => {
      const wait = timers.get(timer);
      for (const { waits } of this.#actors) if (wait) waits.delete(wait);
    }) as typeof clearTimeout;
    this.#actors = names.map((name) => this.#actor(name));
  }

  async begin(): Promise<void> {
    this.#store.load({ switchboard: [], failovers: [], alerts: [], alert_outbox: [] });
    await this.#store.write((trx) => initializeSwitchboard(trx, "a"));
    this.#board = await readSwitchboard(this.#store);
  }

  get #active(): string {
    return this.#board?.active ?? "";
  }

  end(): void {
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }

  /** Takes the step of this name. */
  async take(name: string): Promise<void> {
    const step = this.steps().find((step) => step.name === name);
    if (!step) throw new Error(`the step cannot be taken again: ${name}`);
    await step.next();
    // Everything that follows without waiting for the explorer.
    await setImmediate();
    this.#board = await readSwitchboard(this.#store);
    if (this.#rule) throw new BrokenRule(this.#rule);
  }

  /** What each instance knows and waits for, and what is at GitHub and in the store. */
  async key(): Promise<string> {
    const { switchboard, failovers } = this.#store.save();
    return JSON.stringify([
      ...[this.#url, this.#now, this.#left, switchboard, failovers],
      this.#actors.map(({ lease, waits, reviewing, learned }) => [
        ...[lease.held, reviewing, learned],
        [...waits].map(({ what }) => what),
      ]),
    ]);
  }

  steps(): Action<void>[] {
    const left = this.#left;
    const steps: Action<void>[] = [];
    for (const actor of this.#actors) {
      const { name, lease, waits, reviewing } = actor;
      const step = (does: string, next: () => void | Promise<void>) =>
        steps.push({
          name: `${name} ${does}`,
          next: () => {
            this.#acting = actor;
            return next();
          },
        });
      if (!lease.held && left.takes > 0) step("takes the lease", () => this.#take(actor));
      if (lease.held && !reviewing && actor.reviewed !== this.#reason(actor))
        step("reviews its decision", () => this.#review(actor));
      for (const wait of waits)
        for (const { name: way, costsFailure, happen } of wait.ways)
          if (!costsFailure || left.failures > 0)
            step(`${wait.what}: ${way}`, () => {
              waits.delete(wait);
              if (costsFailure) left.failures--;
              actor.learned.push(`${wait.what}: ${way}`);
              return happen();
            });
    }
    if (left.pins > 0)
      for (const { name } of ENDPOINTS)
        if (name !== this.#active)
          steps.push({
            name: `a person pins ${name}`,
            next: async () => {
              left.pins--;
              await pin(this.#store, name, null, false);
            },
          });
    if (left.passes > 0)
      steps.push({
        name: "30 s pass",
        next: () => {
          left.passes--;
          this.#now += REPAIR_MS;
        },
      });
    return steps;
  }

  /**
   * Lets everything under way end well, in the order of its beginning, and lets 30 s pass. Returns what is wrong then;
   * null where GitHub delivers to the active endpoint.
   */
  async whyNeverRight(): Promise<string | null> {
    this.#left = { takes: 1, pins: 0, failures: 0, passes: 0 };
    if (!this.#actors.some(({ lease }) => lease.held))
      await this.take(`${this.#actors[0]?.name} takes the lease`);
    this.#left = { takes: 0, pins: 0, failures: 0, passes: 0 };
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 50; i++) {
        const next = this.steps().find(({ name }) => !name.endsWith("reviews its decision"));
        if (!next) break;
        await this.take(next.name);
      }
      this.#now += REPAIR_MS;
      const review = this.steps().find(({ name }) => name.endsWith("reviews its decision"));
      if (review) await this.take(review.name);
    }
    if (this.#url === urlOf(this.#active)) return null;
    return `GitHub delivers to ${this.#url} for good, and ${this.#active} is active`;
  }

  #take(actor: Actor): void {
    this.#left.takes--;
    for (const { lease } of this.#actors) lease.held = false;
    actor.lease.take(++this.#token);
    actor.learned.push("takes the lease");
    actor.active.tookOver();
  }

  async #review(actor: Actor): Promise<void> {
    actor.reviewing = true;
    actor.reviewed = this.#reason(actor);
    actor.learned.push(`reviews: ${actor.reviewed}`);
    void actor.active
      .review()
      .catch((error) => {
        if (!(error instanceof NotControllerError)) this.#rule = `the review fails: ${error.message}`;
      })
      .finally(() => {
        actor.reviewing = false;
      });
  }

  #reason({ lease }: Actor): string {
    return JSON.stringify([this.#now, lease.token, this.#board]);
  }

  #wait(what: string, ways: Wait["ways"], of = this.#acting): Wait {
    const wait = { what, ways };
    of?.waits.add(wait);
    return wait;
  }

  #actor(name: string): Actor {
    const learned: string[] = [];
    const lease = new FakeLease((work) => {
      const { promise, resolve, reject } = Promise.withResolvers<never>();
      const { token } = lease;
      this.#wait(
        "its write to the store",
        [
          {
            name: "commits, if it has the lease",
            happen: async () => {
              if (!lease.held || lease.token !== token) return reject(new NotControllerError(name));
              await this.#store.write(async (trx) => resolve((await work(trx, this.#store)) as never));
            },
          },
        ],
        actor,
      );
      return promise;
    }, this.#fault !== "a decision outlives its lease");
    const actor: Actor = {
      ...{ name, lease, learned, waits: new Set(), reviewing: false, reviewed: "" },
      active: new ActiveEndpoint({
        store: this.#store,
        clock: {
          now: () => this.#now,
          monotonic: () => this.#now,
          sleep: (_, signal) => this.#sleep(actor, signal),
        },
        instance: name,
        lease: lease as unknown as ControllerLease,
        thresholds: UNHURRIED as never,
        endpoints: ENDPOINTS,
        door: null,
        observe: () => ENDPOINTS.map(({ name }) => ({ name, health: HEALTHY })),
        github: this.#gitHubOf(() => actor),
        secretChange: { isUnderWay: false, isAgreed: true },
        bus: new EventBus(),
        onSwitched: () => {},
        log: LOG,
      }),
    };
    return actor;
  }

  #sleep(actor: Actor, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const wait = this.#wait("its rest", [{ name: "is over", happen: resolve }], actor);
      signal?.addEventListener("abort", () => {
        actor.waits.delete(wait);
        reject(signal.reason);
      });
    });
  }

  #gitHubOf(actorOf: () => Actor) {
    const call = <T>(what: string, signal: AbortSignal | undefined, ways: (to: Settle<T>) => Wait["ways"]) =>
      new Promise<T>((resolve, reject) => {
        const actor = actorOf();
        const wait = this.#wait(what, ways({ resolve, reject }), actor);
        signal?.addEventListener("abort", () => {
          actor.waits.delete(wait);
          reject(signal.reason);
        });
      });
    const lost = () => new Error("socket hang up");
    return {
      read: (signal?: AbortSignal): Promise<WebhookConfig> =>
        call("its look at GitHub's URL", signal, ({ resolve, reject }) => [
          {
            name: "is answered",
            happen: () => {
              actorOf().learned.push(String(this.#url));
              resolve({ url: this.#url, contentType: "json", insecureSsl: false });
            },
          },
          { name: "fails", costsFailure: true, happen: () => reject(lost()) },
        ]),
      write: (url: string, signal?: AbortSignal, beforeSending: () => void = () => {}): Promise<void> =>
        call(`its write of ${url} to GitHub`, signal, ({ resolve, reject }) => {
          const send = (happen: () => void) => () => {
            try {
              if (this.#fault !== "a stale controller writes") beforeSending();
              this.#judge(actorOf(), url);
              happen();
            } catch (error) {
              reject(error);
            }
          };
          const taken = (settle: () => void) =>
            send(() => {
              this.#url = url;
              settle();
            });
          return [
            { name: "is taken", happen: taken(resolve) },
            {
              name: "is taken, and its answer is lost",
              costsFailure: true,
              happen: taken(() => reject(lost())),
            },
            { name: "is lost", costsFailure: true, happen: send(() => reject(lost())) },
          ];
        }),
    };
  }

  /** A request that leaves for GitHub carries the decision of the present controller. */
  #judge({ name, lease }: Actor, url: string): void {
    if (!lease.held) this.#rule = `${name} writes the URL, and another instance is the controller`;
    else if (url !== urlOf(this.#active))
      this.#rule = `${name} writes ${url}, and ${this.#active} was decided on`;
  }
}

interface Settle<T> {
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
}

const HEALTHY: Health = {
  status: "healthy",
  reason: "it answers",
  stale: false,
  shutDown: false,
  storeFails: false,
  consecutiveFailures: 0,
  consecutiveSuccesses: 100,
  lastUnhealthyAt: null,
  unhealthySince: null,
  outOfReachUntil: null,
  averageMs: null,
  successRate: null,
  samples: 0,
} as unknown as Health;
