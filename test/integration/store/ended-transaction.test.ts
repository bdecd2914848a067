import { sql } from "kysely";
import { expect, it } from "vitest";
import { newStore } from "../../helpers/stores.ts";

it("a transaction that PostgreSQL ended before its commit, since the process stood still, is done again", async () => {
  const store = await newStore("postgres");
  let tries = 0;
  const done = await store.write(async (trx) => {
    if (++tries === 1) {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(store.read);
    }
    await sql`select 1`.execute(trx);
    return "done";
  });
  expect([done, tries]).toEqual(["done", 2]);
});

it("a transaction that breaks again and again says why, and is not done for ever", async () => {
  const store = await newStore("postgres");
  let tries = 0;
  const broken = store.write(async () => {
    tries += 1;
    throw Object.assign(new Error("terminating connection"), { code: "57P01" });
  });
  await expect(broken).rejects.toThrow("(unreachable): terminating connection");
  expect(tries).toBe(2);
});
