import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../../app/clock.ts";
import { openStore } from "../../../app/store/open-store.ts";

export const DELIVERIES = 1_000_000;
export const DEPLOYMENTS = 100_000;
/** Over how long they came: nothing is old enough to be deleted while it is measured. */
const DAYS = 28;
const FIRST_RUN_ID = 20_000_000;

/**
 * Makes a SQLite store with the past of a busy installation: twenty repositories, a run of each ten deliveries, one
 * deployment of each run. It is written by SQL within the engine, in one transaction.
 */
export async function fillStore(path: string): Promise<void> {
  await (await openStore({ engine: "sqlite", path }, { clock: systemClock })).close();
  const database = new DatabaseSync(path);
  const stepMs = Math.floor((DAYS * 24 * 3_600_000) / DELIVERIES);
  const start = Date.now() - DELIVERIES * stepMs;
  const perRun = DELIVERIES / DEPLOYMENTS;
  const at = (i: string, every: number) => `(${start} + ${i} * ${stepMs * every})`;
  const repository = (i: string) =>
    `case ${i} % 20 when 0 then 'acme/site' else 'acme/site-' || (${i} % 20) end`;
  const target = "case i % 3 when 0 then 'staging' else 'production' end";
  const deploymentId = (i: string) => `printf('dep_%012x%020x', ${at(i, perRun)}, ${i})`;
  try {
    database.exec("PRAGMA synchronous = OFF; BEGIN");
    database.exec(`
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${DEPLOYMENTS - 1})
      INSERT INTO deployments (id, repository, repository_key, target, environment, sha, ref, workflow, actor, run_id,
        run_attempt, run_started_at, order_run_id, order_run_attempt, status, source, payload, accepted_by, run_by,
        accepted_at, started_at, finished_at, verified_at, exit_code)
      SELECT ${deploymentId("i")}, ${repository("i")}, ${repository("i")}, ${target}, ${target},
        printf('%040x', i * 104729), 'refs/heads/main', '.github/workflows/ci.yml', 'octocat', ${FIRST_RUN_ID} + i, 1,
        ${at("i", perRun)}, ${FIRST_RUN_ID} + i, 1,
        CASE WHEN i % 97 = 0 THEN 'failed' WHEN i % 31 = 0 THEN 'superseded' ELSE 'succeeded' END,
        CASE i % 4 WHEN 0 THEN 'action' ELSE 'webhook' END, '{"version":"1.2.3"}', 'bench', 'bench',
        ${at("i", perRun)}, ${at("i", perRun)} + 40, ${at("i", perRun)} + 9000,
        CASE i % 4 WHEN 0 THEN ${at("i", perRun)} + 90 END, i % 97 = 0
      FROM n`);
    database.exec(`
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${DELIVERIES - 1})
      INSERT INTO deliveries (id, guid, source, event, action, repository, run_id, run_attempt, received_at,
        received_by, outcome, reason, deployment_ids)
      SELECT printf('dlv_%012x%020x', ${at("i", 1)}, i),
        lower(printf('%s-%s-4%s-%s-%s', hex(randomblob(4)), hex(randomblob(2)), substr(hex(randomblob(2)), 2),
          hex(randomblob(2)), hex(randomblob(6)))),
        CASE WHEN i % 5000 = 0 THEN 'catch_up' ELSE 'webhook' END, 'workflow_run', 'completed',
        ${repository(`(i / ${perRun})`)}, ${FIRST_RUN_ID} + i / ${perRun}, 1, ${at("i", 1)}, 'bench',
        CASE i % ${perRun} WHEN 0 THEN 'deployed' WHEN 1 THEN 'duplicate' ELSE 'ignored' END,
        CASE i % ${perRun} WHEN 0 THEN NULL ELSE 'the run did not succeed (conclusion failure)' END,
        CASE i % ${perRun} WHEN 0 THEN json_array(${deploymentId(`(i / ${perRun})`)}) ELSE '[]' END
      FROM n`);
    database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  } finally {
    database.close();
  }
}
