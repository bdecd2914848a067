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
import { Recurring } from "../upkeep/scheduler.ts";
import { acceptInOrder } from "./accept-in-order.ts";
import { Reconcile } from "./completed-runs.ts";
import type { DeliveryHealth } from "./delivery-health.ts";
import { ActionDeployments, PARKED_SCAN, parkedLookup } from "./parked-requests/parked-requests.ts";
import { countResults, goingDeployments, type Look } from "./scan.ts";
import { CatchUp } from "./undelivered-events.ts";

export interface RecurringLooksOptions {
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
export class RecurringLooks {
  #o: RecurringLooksOptions;
  #catchUp: CatchUp;
  #parked: ActionDeployments;
  #reconcile: Reconcile;
  /** Where Actions left requests, as events told any instance. */
  #asked: AskedPlaces;
  #recurring: Recurring<Look>;

  constructor(options: RecurringLooksOptions) {
    this.#o = options;
    this.#parked = new ActionDeployments(options);
    this.#catchUp = new CatchUp({
      ...options,
      wantsParked: () => this.#parked.takesTurns,
      onParked: parkedLookup(options.store, options.targets, options.names),
    });
    this.#reconcile = new Reconcile(options);
    this.#recurring = new Recurring<Look>({
      tasks: [this.#catchUp, this.#parked, this.#reconcile],
      work: (due, signal) => this.#take(due, signal),
      may: () => options.lease.held,
      clock: options.clock,
      log: options.log,
      onRetry: () => options.notices.publish({ type: "retry", operation: "look" }),
    });
    this.#asked = new AskedPlaces({
      store: options.store,
      scan: PARKED_SCAN,
      may: () => options.lease.held,
      onAsked: () => void this.#recurring.now([this.#parked]),
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
    return this.#recurring.now();
  }

  /** The same for what GitHub could not deliver lately. */
  catchUp(): Promise<void> {
    this.#catchUp.listAnew();
    return this.#recurring.now([this.#catchUp]);
  }

  close(): Promise<void> {
    this.#asked.close();
    return this.#recurring.close();
  }

  async #take(due: Look[], signal: AbortSignal): Promise<Map<Look, unknown>> {
    const { acceptor, log, notices, store, targets } = this.#o;
    const failed = new Map<Look, unknown>();
    // What goes wrong with one look is no reason to leave another unfinished.
    const attempt = async <T>(look: Look, act: () => Promise<T>): Promise<T | undefined> => {
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
