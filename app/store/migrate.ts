import { sql } from "kysely";
import * as initial from "./migrations/0001-initial.ts";
import * as failover from "./migrations/0002-failover.ts";
import * as signIn from "./migrations/0003-sign-in.ts";
import * as dashboard from "./migrations/0004-dashboard.ts";
import * as alerts from "./migrations/0005-alerts.ts";
import * as queueHold from "./migrations/0006-queue-hold.ts";
import * as setupCodes from "./migrations/0007-setup-codes.ts";
import * as deliveryRuns from "./migrations/0008-delivery-runs.ts";
import * as deliveriesByRun from "./migrations/0009-deliveries-by-run.ts";
import * as commitTitles from "./migrations/0010-commit-titles.ts";
import * as askedFor from "./migrations/0011-asked-for.ts";
import * as runNumbers from "./migrations/0012-run-numbers.ts";
import * as storeCopies from "./migrations/0013-store-copies.ts";
import * as callBudgets from "./migrations/0014-call-budgets.ts";
import * as refsAndRepositories from "./migrations/0015-refs-and-repositories.ts";
import * as heldTargets from "./migrations/0016-held-targets.ts";
import * as approvals from "./migrations/0017-approvals.ts";
import * as placedDeployments from "./migrations/0018-placed-deployments.ts";
import * as verifications from "./migrations/0019-verifications.ts";
import * as adminTokens from "./migrations/0020-admin-tokens.ts";
import * as gatesAtClaim from "./migrations/0021-gates-at-claim.ts";
import * as waitingInOrder from "./migrations/0022-waiting-in-order.ts";
import * as queuedAgain from "./migrations/0023-queued-again.ts";
import { MIN_CODE_VERSION, SCHEMA_VERSION } from "./schema-version.ts";
import type { Store, Writer } from "./store.ts";

type EngineMigration = (trx: Writer, engine: Store["engine"]) => Promise<void>;

/** In order: the version of a migration is its place in the list, counted from 1. */
const MIGRATIONS = [
  initial.up,
  failover.up,
  signIn.up,
  dashboard.up,
  alerts.up,
  queueHold.up,
  setupCodes.up,
  deliveryRuns.up,
  deliveriesByRun.up,
  commitTitles.up,
  askedFor.up,
  runNumbers.up,
  storeCopies.up,
  callBudgets.up,
  refsAndRepositories.up,
  heldTargets.up,
  approvals.up,
  placedDeployments.up,
  verifications.up,
  adminTokens.up,
  gatesAtClaim.up,
  waitingInOrder.up,
  queuedAgain.up,
] as unknown as EngineMigration[];

/**
 * Brings the store to this code's schema. One transaction, begun with the write lock, contains everything, so
 * that one process does it at a time. A store of a newer release stays as it is.
 */
export async function migrate(store: Store): Promise<void> {
  await store.write(async (trx) => {
    await lockSchema(trx, store.engine);
    await trx.schema
      .createTable("twinhook_version")
      .ifNotExists()
      .addColumn("id", "integer", (c) => c.primaryKey())
      .addColumn("version", "integer", (c) => c.notNull())
      .addColumn("min_code_version", "integer", (c) => c.notNull())
      .addColumn("probed_at", store.engine === "sqlite" ? "integer" : "bigint", (c) => c.notNull())
      .execute();
    const found = await trx.selectFrom("twinhook_version").selectAll().executeTakeFirst();
    const from = found?.version ?? 0;
    if (from >= SCHEMA_VERSION) return;
    for (const step of MIGRATIONS.slice(from)) await step(trx, store.engine);
    const row = { id: 1, version: SCHEMA_VERSION, min_code_version: MIN_CODE_VERSION, probed_at: 0 };
    await trx
      .insertInto("twinhook_version")
      .values(row)
      .onConflict((c) => c.column("id").doUpdateSet(row))
      .execute();
  });
}

/** The key of the schema's lock: "twinhook" in ASCII. */
const SCHEMA_LOCK = "8391171939306270571";

async function lockSchema(trx: Writer, engine: Store["engine"]): Promise<void> {
  // SQLite's transaction began with the write lock, which protects the schema too.
  if (engine === "sqlite") return;
  await sql`set local statement_timeout = 0`.execute(trx);
  await sql`set local lock_timeout = 0`.execute(trx);
  await sql`select pg_advisory_xact_lock(${sql.lit(SCHEMA_LOCK)}::bigint)`.execute(trx);
}
