import type { Logger } from "pino";
import type { Acceptor } from "../accept/acceptor.ts";
import type { RepositoryNames } from "../accept/repository-names.ts";
import type { VerifyProof } from "../auth/parked-proof.ts";
import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import type { ControllerLease } from "../failover/controller-lease.ts";
import type { Notices } from "../failover/notices.ts";
import type { CallBudget } from "../github/call-budget.ts";
import type { DeliveryLogClient } from "../github/delivery-log.ts";
import type { RepositoryAccess } from "../github/repository-access.ts";
import type { Store } from "../store/store.ts";
import { AskedPlaces } from "../upkeep/place-scan.ts";
import { Scheduler } from "../upkeep/scheduler.ts";
import { acceptInOrder } from "./accept-in-order.ts";
import { CompletedRuns } from "./completed-runs.ts";
import type { DeliveryHealth } from "./delivery-health.ts";
import { PARKED_SCAN, ParkedRequests, parkedLookup } from "./parked-requests/parked-requests.ts";
import { countResults, goingDeployments, type Scan } from "./scan.ts";
import { UndeliveredEvents } from "./undelivered-events.ts";

export interface ScansOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  notices: Notices;
  targets: readonly TargetConfig[];
  /** What the names in the configuration stand for; without it, for what is called so. */
  names?: RepositoryNames | undefined;
  acceptor: Pick<Acceptor, "accept">;
  access: RepositoryAccess;
  /** What is left of the hour's calls. */
  budget: CallBudget;
  deliveries: DeliveryLogClient;
  health: DeliveryHealth;
  /** Only the controller looks. */
  lease: ControllerLease;
  verifyProof: VerifyProof;
}

/**
 * The looks that the controller takes at GitHub, again and again, for what never arrived. What several of them
 * find at the same time is accepted together, in the order of the runs: an older run that one of them finds must
 * not come after a newer one of another's.
 */
export class Scans {
  #o: ScansOptions;
  #catchUp: UndeliveredEvents;
  #parked: ParkedRequests;
  #reconcile: CompletedRuns;
  /** Where Actions left requests, as events told any instance. */
  #asked: AskedPlaces;
  #scheduler: Scheduler<Scan>;

  constructor(options: ScansOptions) {
    this.#o = options;
    this.#parked = new ParkedRequests(options);
    this.#catchUp = new UndeliveredEvents({
      ...options,
      wantsParked: () => this.#parked.takesTurns,
      onParked: parkedLookup(options.store, options.targets, options.names),
    });
    this.#reconcile = new CompletedRuns(options);
    this.#scheduler = new Scheduler<Scan>({
      tasks: [this.#catchUp, this.#parked, this.#reconcile],
      work: (due, signal) => this.#take(due, signal),
      canRun: () => options.lease.held,
      clock: options.clock,
      log: options.log,
      onRetry: () => options.notices.publish({ type: "retry", operation: "look" }),
    });
    this.#asked = new AskedPlaces({
      store: options.store,
      scan: PARKED_SCAN,
      canRun: () => options.lease.held,
      onAsked: () => void this.#scheduler.runNow([this.#parked]),
    });
  }

  /**
   * Looks everywhere: another controller may have seen little of what happened before. Resolves when it has been
   * done, be it at the second try.
   */
  everywhere(): Promise<void> {
    this.#catchUp.listAnew();
    this.#parked.askAll();
    this.#reconcile.askAll();
    return this.#scheduler.runNow();
  }

  /** The same for what GitHub could not deliver lately. */
  catchUp(): Promise<void> {
    this.#catchUp.listAnew();
    return this.#scheduler.runNow([this.#catchUp]);
  }

  close(): Promise<void> {
    this.#asked.close();
    return this.#scheduler.close();
  }

  async #take(due: Scan[], signal: AbortSignal): Promise<Map<Scan, unknown>> {
    const { acceptor, log, notices, store, targets } = this.#o;
    const failed = new Map<Scan, unknown>();
    // What goes wrong with one look is no reason to leave another unfinished.
    const attempt = async <T>(look: Scan, act: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await act();
      } catch (error) {
        failed.set(look, error);
        return undefined;
      }
    };
    const looks = await Promise.all(
      due.map(async (look) => {
        const collected = await attempt(look, () => look.collect(signal));
        if (collected?.failure !== undefined) failed.set(look, collected.failure);
        return { look, arrivals: collected?.arrivals ?? [], done: collected?.done };
      }),
    );
    signal.throwIfAborted();
    const results = await acceptInOrder(
      acceptor,
      looks.flatMap(({ arrivals }) => arrivals),
    );
    const brought = [...results.values()].flatMap(({ deployments }) => deployments.map(({ id }) => id));
    const going = await goingDeployments(store, targets, brought);
    const { found, accepted } = countResults(results, going);
    if (found > 0) {
      log.warn({ found, accepted }, "caught up with requests that had not arrived");
      notices.publish({ type: "catch_up", found, accepted });
    }
    for (const { look, arrivals, done } of looks) {
      const own = new Map([...results].filter(([arrival]) => arrivals.includes(arrival)));
      await attempt(look, async () => done?.(countResults(own, going)));
    }
    return failed;
  }
}
