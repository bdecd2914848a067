import type { Acceptor } from "../accept/acceptor.ts";
import type { VerifyProof } from "../auth/parked-proof.ts";
import type { EventBus } from "../failover/event-bus.ts";
import type { DeliveryLogClient } from "../github/delivery-log.ts";
import { AskedPlaces, type PlaceScanParts } from "../upkeep/place-scan.ts";
import { Scheduler } from "../upkeep/scheduler.ts";
import { acceptInOrder } from "./accept-in-order.ts";
import { CompletedRuns } from "./completed-runs.ts";
import type { DeliveryHealth } from "./delivery-health.ts";
import { PARKED_SCAN, ParkedRequests, parkedLookup } from "./parked-requests/parked-requests.ts";
import { countResults, goingDeployments, type Scan } from "./scan.ts";
import { UndeliveredEvents } from "./undelivered-events.ts";

export interface ScansOptions extends PlaceScanParts {
  bus: EventBus;
  acceptor: Pick<Acceptor, "accept">;
  deliveries: DeliveryLogClient;
  health: DeliveryHealth;
  verifyProof: VerifyProof;
}

/**
 * The controller's scheduled scans of GitHub for events and requests that never arrived. Arrivals that several scans
 * find in one round are accepted together, in the order of the runs. Otherwise an older run of one scan could come
 * after a newer run of another.
 */
export class Scans {
  #o: ScansOptions;
  #catchUp: UndeliveredEvents;
  #parked: ParkedRequests;
  #reconcile: CompletedRuns;
  /** The repositories with parked requests, from `deployment` events to any instance. */
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
      onRetry: () => options.bus.publish({ type: "retry", operation: "look" }),
    });
    this.#asked = new AskedPlaces({
      store: options.store,
      scan: PARKED_SCAN,
      canRun: () => options.lease.held,
      onAsked: () => void this.#scheduler.runNow([this.#parked]),
    });
  }

  /**
   * Runs all scans over all places: the controller before may have missed events. Resolves when each scan has
   * succeeded, however many tries it took.
   */
  everywhere(): Promise<void> {
    this.#catchUp.listAnew();
    this.#parked.askAll();
    this.#reconcile.askAll();
    return this.#scheduler.runNow();
  }

  /** Runs the scan for undelivered events. Resolves when it has succeeded. */
  catchUp(): Promise<void> {
    this.#catchUp.listAnew();
    return this.#scheduler.runNow([this.#catchUp]);
  }

  close(): Promise<void> {
    this.#asked.close();
    return this.#scheduler.close();
  }

  async #take(due: Scan[], signal: AbortSignal): Promise<Map<Scan, unknown>> {
    const { acceptor, log, bus, store, targets } = this.#o;
    const failed = new Map<Scan, unknown>();
    // The failure of one scan must not stop the others.
    const attempt = async <T>(scan: Scan, act: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await act();
      } catch (error) {
        failed.set(scan, error);
        return undefined;
      }
    };
    const scans = await Promise.all(
      due.map(async (scan) => {
        const collected = await attempt(scan, () => scan.collect(signal));
        if (collected?.failure !== undefined) failed.set(scan, collected.failure);
        return { scan, arrivals: collected?.arrivals ?? [], done: collected?.done };
      }),
    );
    signal.throwIfAborted();
    const results = await acceptInOrder(
      acceptor,
      scans.flatMap(({ arrivals }) => arrivals),
    );
    const brought = [...results.values()].flatMap(({ deployments }) => deployments.map(({ id }) => id));
    const going = await goingDeployments(store, targets, brought);
    const { found, accepted } = countResults(results, going);
    if (found > 0) {
      log.warn({ found, accepted }, "caught up with requests that had not arrived");
      bus.publish({ type: "catch_up", found, accepted });
    }
    for (const { scan, arrivals, done } of scans) {
      const own = new Map([...results].filter(([arrival]) => arrivals.includes(arrival)));
      await attempt(scan, async () => done?.(countResults(own, going)));
    }
    return failed;
  }
}
