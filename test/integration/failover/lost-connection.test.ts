import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { StoreUnavailableError } from "../../../app/store/errors.ts";
import { eventually } from "../../helpers/eventually.ts";
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

describe.concurrent("a database that stopped talking without a word", () => {
  /** A store whose connections all go through a gate, and another one at the same database. */
  async function gated() {
    const address = await newStoreAddress("postgres");
    if (address.engine !== "postgres") throw new Error("unreachable");
    const other = await reopen(address);
    const url = new URL(address.url);
    const gate = await Gate.open(Number(url.port));
    url.host = new URL(gate.url).host;
    const store = await reopen({ ...address, url: url.href });
    let heard = 0;
    store.onChange(() => heard++);
    await eventually(() => expect(heard).toBe(1));
    return { gate, other, store, heard: () => heard };
  }

  it("is heard of again soon", async () => {
    const { gate, other, heard } = await gated();
    const change = () => other.write((trx) => other.notify(trx));
    gate.hush();
    await change();
    await eventually(() => expect(heard()).toBe(2));
    await change();
    await eventually(() => expect(heard()).toBe(3));
  });

  it("keeps nobody waiting for answers that will not come, nor those after them", async () => {
    const { gate, store, other } = await gated();
    const waits = Promise.withResolvers<void>();
    // More than there are connections.
    const begun = Array.from({ length: 20 }, () =>
      store.write(async (trx) => {
        await waits.promise;
        await sql`select 1`.execute(trx);
      }),
    );
    for (const one of begun) one.catch(() => {});
    await eventually(async () => {
      const { rows } =
        await sql`select 1 from pg_stat_activity where datname = current_database() and state = 'idle in transaction'`.execute(
          other.read,
        );
      expect(rows.length).toBeGreaterThan(0);
    });
    gate.hush();
    waits.resolve();
    const results = await Promise.allSettled(begun);
    for (const one of results)
      if (one.status === "rejected") expect(one.reason).toBeInstanceOf(StoreUnavailableError);
    await eventually(() => store.probe(1_000));
  });
});
