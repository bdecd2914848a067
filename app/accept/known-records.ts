import type { Insertable } from "kysely";
import type { DeploymentSource } from "../../shared/deployment.ts";
import { type Mark, markOf } from "../queue/order.ts";
import { RUN_KEY } from "../store/delivery-key.ts";
import type { DeliveryRow, DeploymentRow, TargetRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import type { Arrival, RunFacts } from "./arrival.ts";

type KnownDeployment = Insertable<DeploymentRow> & { id: string };
interface TargetName {
  /** Its key: `owner/name` in lower case. */
  repository: string;
  target: string;
}

const deliveryKey = (runId: number | null, guid: string) => `${runId ?? 0}\n${guid}`;
const targetKey = ({ repository, target }: TargetName) => `${repository}\n${target}`;
const runKey = (target: TargetName, runId: number | null) => `${targetKey(target)}\n${runId}`;
const attemptKey = (target: TargetName, { runId, runAttempt }: Pick<RunFacts, "runId" | "runAttempt">) =>
  `${runKey(target, runId)}\n${runAttempt}`;

/**
 * The store's records that matter to a batch, and the records that the batch has added so far. So its
 * arrivals see each other.
 */
export class KnownRecords {
  #deliveries = new Map<string, DeliveryRow>();
  #deployments = new Map<string, KnownDeployment>();
  /** The deployments of each run, in the order in which they were accepted. */
  #runs = new Map<string, Pick<KnownDeployment, "status" | "source">[]>();
  #targets = new Map<string, TargetRow>();

  /**
   * Reads all records that these arrivals need, in few statements, and locks the targets' rows.
   */
  static async read(trx: Writer, store: StoreContext, arrivals: readonly Arrival[]): Promise<KnownRecords> {
    const known = new KnownRecords();
    await known.#readDeliveries(trx, arrivals);
    const targets = new Map<string, TargetName>();
    const runIds = new Set<number>();
    for (const { targets: named, facts, repository } of arrivals) {
      if (!facts) continue;
      for (const { name: target } of named) {
        targets.set(targetKey({ repository, target }), { repository, target });
        if (facts.runId !== null) runIds.add(facts.runId);
      }
    }
    if (targets.size === 0) return known;
    await known.#readTargets(trx, store, [...targets.values()]);
    if (runIds.size > 0) await known.#readDeployments(trx, [...targets.values()], [...runIds]);
    return known;
  }

  /** The known delivery of the same event. A request has none, and another attempt is another event. */
  delivery(arrival: Arrival): DeliveryRow | undefined {
    const row = this.#sameGuid(arrival);
    return row?.run_attempt === (arrival.facts?.runAttempt ?? null) ? row : undefined;
  }

  /** The GUID to record for an arrival; null where another attempt of its run has it. */
  freeGuid(arrival: Arrival): string | null {
    return this.#sameGuid(arrival) && !this.delivery(arrival) ? null : arrival.guid;
  }

  #sameGuid({ guid, facts }: Arrival): DeliveryRow | undefined {
    return guid === null ? undefined : this.#deliveries.get(deliveryKey(facts?.runId ?? null, guid));
  }

  addDelivery(row: DeliveryRow): void {
    if (row.guid !== null) this.#deliveries.set(deliveryKey(row.run_id, row.guid), row);
  }

  /** The deployment of this run attempt to the target. A manual request without a run has none. */
  deployment(target: TargetName, facts: RunFacts): KnownDeployment | undefined {
    return facts.runId === null ? undefined : this.#deployments.get(attemptKey(target, facts));
  }

  addDeployment(
    target: TargetName,
    facts: Pick<RunFacts, "runId" | "runAttempt">,
    row: KnownDeployment,
  ): void {
    if (facts.runId === null) return;
    this.#deployments.set(attemptKey(target, facts), row);
    const key = runKey(target, facts.runId);
    this.#runs.set(key, [...(this.#runs.get(key) ?? []), row]);
  }

  /** Whether an attempt of this run has already succeeded on the target. */
  hasSucceeded(target: TargetName, { runId }: RunFacts): boolean {
    return (this.#runs.get(runKey(target, runId)) ?? []).some(({ status }) => status === "succeeded");
  }

  /** The source of this run's first deployment to the target; undefined where there is none. */
  firstSource(target: TargetName, { runId }: RunFacts): DeploymentSource | undefined {
    return this.#runs.get(runKey(target, runId))?.[0]?.source;
  }

  target(target: TargetName): TargetRow & { mark: Mark } {
    const row = this.#targets.get(targetKey(target)) as TargetRow;
    return { ...row, mark: markOf(row) };
  }

  /** Notes that a run has waited on this target. */
  setWaited(target: TargetName): void {
    this.#targets.set(targetKey(target), { ...this.target(target), has_waited: 1 });
  }

  async #readDeliveries(trx: Writer, arrivals: readonly Arrival[]): Promise<void> {
    const events = arrivals.filter(({ guid }) => guid !== null);
    if (events.length === 0) return;
    const rows = await trx
      .selectFrom("deliveries")
      .selectAll()
      .where((e) =>
        e.or(
          events.map(({ guid, facts }) => e.and([e(RUN_KEY, "=", facts?.runId ?? 0), e("guid", "=", guid)])),
        ),
      )
      .execute();
    for (const row of rows) this.addDelivery(row);
  }

  async #readDeployments(trx: Writer, targets: TargetName[], runIds: number[]): Promise<void> {
    const rows = await trx
      .selectFrom("deployments")
      .selectAll()
      // By run id alone the key's index cannot be used, and every deployment ever made would be read.
      .where("repository_key", "in", [...new Set(targets.map((t) => t.repository))])
      .where("target", "in", [...new Set(targets.map((t) => t.target))])
      .where("run_id", "in", runIds)
      .orderBy("seq")
      .execute();
    for (const row of rows) {
      const target = { repository: row.repository_key, target: row.target };
      this.addDeployment(target, { runId: row.run_id, runAttempt: row.run_attempt }, row);
    }
  }

  async #readTargets(trx: Writer, store: StoreContext, wanted: TargetName[]): Promise<void> {
    const read = async (missing: TargetName[]) => {
      // Lock in one order everywhere, so that two transactions never wait for each other.
      const rows = await trx
        .selectFrom("targets")
        .selectAll()
        .where("repository", "in", [...new Set(missing.map((w) => w.repository))])
        .where("target", "in", [...new Set(missing.map((w) => w.target))])
        .orderBy("repository")
        .orderBy("target")
        .$if(store.can.rowLocks, (q) => q.forUpdate())
        .execute();
      for (const row of rows) this.#targets.set(targetKey(row), row);
    };
    await read(wanted);
    const missing = wanted.filter((target) => !this.#targets.has(targetKey(target)));
    if (missing.length === 0) return;
    const unmarked = {
      mark_run_id: 0,
      mark_run_attempt: 0,
      mark_run_started_at: 0,
      mark_deployment_id: null,
    };
    await trx
      .insertInto("targets")
      .values(missing.map((target) => ({ ...target, watch_from: null, ...unmarked })))
      .onConflict((c) => c.columns(["repository", "target"]).doNothing())
      .execute();
    await read(missing);
  }
}
