import { CompiledQuery, type KyselyPlugin, type QueryResult, type UnknownRow } from "kysely";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { claimInTransaction } from "../../../app/queue/claim/claim.ts";
import type { Store, Writer } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, type Engine, newStore } from "../../helpers/stores.ts";

/** The statements of a claim, and the number of rows that they returned. */
interface Cost {
  statements: CompiledQuery[];
  rows: number;
}

/** Notes every statement of a transaction, as it is sent, and counts the rows that come back. */
function counting(trx: Writer, cost: Cost): Writer {
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      cost.statements.push(trx.getExecutor().compileQuery(node, queryId));
      return node;
    },
    async transformResult({ result }): Promise<QueryResult<UnknownRow>> {
      cost.rows += result.rows.length;
      return result;
    },
  };
  return trx.withPlugin(plugin) as Writer;
}

/** Claims once while `waiting` runs wait, and returns what the claim cost. */
async function claimWith(engine: Engine, waiting: number): Promise<{ store: Store; cost: Cost }> {
  const store = await newStore(engine);
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  const target = testTarget({ queue: "all" });
  const runs = Array.from({ length: waiting }, (_, index) => 100 + index);
  await Promise.all(
    runs.map((run) => acceptor.accept(runArrival(run, [target], { guid: `guid-${run}`, number: run }))),
  );
  // The run before the lowest one has begun, so that no earlier run is missing.
  await store.write((trx) =>
    trx
      .updateTable("targets")
      .set({ mark_run_id: 99, mark_run_attempt: 1, mark_run_number: 98, mark_workflow: target.workflow })
      .execute(),
  );
  const cost: Cost = { statements: [], rows: 0 };
  const who = { holder: "run_1", instance: "primary", host: "host-1" };
  const { workflow } = target;
  const request = {
    ...who,
    repositoryKey: "acme/site",
    target: target.name,
    queue: "all",
    workflow,
  } as const;
  const rules = { environment: target.environment, approval: target.approval };
  await store.write(async (trx) => {
    // The run before the one that is claimed is on record by its event alone.
    await trx
      .insertInto("deliveries")
      .values({
        ...{ id: "dlv_99", guid: "guid-99", source: "webhook", event: "workflow_run", action: "completed" },
        ...{ repository: "acme/site", run_id: 99, run_attempt: 1, received_at: 1, received_by: "primary" },
        ...{ outcome: "ignored", reason: null, deployment_ids: "[]" },
        ...{ run_number: 99, run_workflow: workflow, settles: 1 },
      })
      .execute();
    const claim = await claimInTransaction(counting(trx, cost), store, { ...request, lock: null, rules });
    expect(claim).toMatchObject({ kind: "claimed", deployment: { run_id: 100 } });
  });
  return { store, cost };
}

/** Statements that cannot scan a table: they only insert, or ask for the time. */
const isPlain = (sql: string) => !/ from "| update "|^update/i.test(sql);

describe.each(ENGINES)("the cost of a claim on %s", (engine) => {
  it("does not grow with the number of waiting deployments", async () => {
    const few = await claimWith(engine, 2);
    const many = await claimWith(engine, 200);
    expect(many.cost.statements.length).toBe(few.cost.statements.length);
    expect(many.cost.rows).toBe(few.cost.rows);
  });

  it("holds no statement that scans a table", async () => {
    const { store, cost } = await claimWith(engine, 2);
    const scans = await store.write(async (trx) => {
      // A small table is scanned although an index would do. Only a scan that no index can replace is left then.
      if (engine === "postgres") await trx.executeQuery(CompiledQuery.raw("set local enable_seqscan = off"));
      const explain = engine === "sqlite" ? "explain query plan" : "explain";
      const found: string[] = [];
      for (const { sql, parameters } of cost.statements.filter((one) => !isPlain(one.sql))) {
        const plan = await trx.executeQuery(CompiledQuery.raw(`${explain} ${sql}`, [...parameters]));
        for (const row of plan.rows as Record<string, string>[]) {
          const line = String(row.detail ?? row["QUERY PLAN"]);
          if (/^SCAN |Seq Scan|TEMP B-TREE FOR ORDER|\bSort\b/.test(line)) found.push(`${line}: ${sql}`);
        }
      }
      return found;
    });
    expect(scans).toEqual([]);
  });
});
