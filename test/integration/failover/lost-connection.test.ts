import { sql } from "kysely";
import { expect, it } from "vitest";
import { StoreUnavailableError } from "../../../app/store/errors.ts";
import { newStore } from "../../helpers/stores.ts";

it("a connection that the database drops inside a transaction fails that transaction, and nothing else", async () => {
  const store = await newStore("postgres");
  const work = store.write(async (trx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
    const pid = rows[0]?.pid;
    await sql`select pg_terminate_backend(${pid})`.execute(store.read);
    const left = () => sql`select 1 from pg_stat_activity where pid = ${pid}`.execute(store.read);
    await expect.poll(async () => (await left()).rows).toEqual([]);
    await sql`select 1`.execute(trx);
  });
  await expect(work).rejects.toThrow(StoreUnavailableError);
  await store.probe(5_000);
});
