import { sql } from "kysely";
import { expect, it } from "vitest";
import { StoreUnavailableError } from "../../../app/store/errors.ts";
import { Gate } from "../../helpers/gate.ts";
import { newStore, newStoreAddress, reopen } from "../../helpers/stores.ts";

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

it("an instance that a database stopped talking to without a word hears of changes again soon", async () => {
  const address = await newStoreAddress("postgres");
  if (address.engine !== "postgres") throw new Error("unreachable");
  const other = await reopen(address);
  const url = new URL(address.url);
  const gate = await Gate.open(Number(url.port));
  url.host = new URL(gate.url).host;
  const store = await reopen({ ...address, url: url.href });
  let heard = 0;
  store.onChange(() => heard++);
  await expect.poll(() => heard).toBe(1);
  gate.hush();
  await other.write((trx) => other.notify(trx));
  await expect.poll(() => heard).toBe(2);
  await other.write((trx) => other.notify(trx));
  await expect.poll(() => heard).toBe(3);
}, 40_000);
