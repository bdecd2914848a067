import { DatabaseSync } from "node:sqlite";
import { expect, it, onTestFinished } from "vitest";
import { newStoreAddress, reopen } from "../../helpers/stores.ts";

it("an earlier proof that SQLite takes commits counts no more once another instance cannot commit", async () => {
  const address = await newStoreAddress("sqlite");
  const store = await reopen(address);
  await store.probe(10_000);
  const other = new DatabaseSync((address as { path: string }).path);
  onTestFinished(() => other.close());
  other.exec("BEGIN IMMEDIATE");
  await store.probe(1);
  store.doubt();
  await expect(store.probe(100)).rejects.toMatchObject({ name: "StoreUnavailableError" });
  other.exec("ROLLBACK");
  await store.probe(60_000);
});

it("probes of a locked SQLite do not queue up before the writes that come after them", async () => {
  const address = await newStoreAddress("sqlite");
  const store = await reopen(address);
  const other = new DatabaseSync((address as { path: string }).path);
  onTestFinished(() => other.close());
  other.exec(`CREATE TABLE proofs (probed_at INTEGER) STRICT;
    CREATE TRIGGER count_proofs AFTER UPDATE ON twinhook_version
      BEGIN INSERT INTO proofs VALUES (new.probed_at); END`);
  other.exec("BEGIN IMMEDIATE");
  for (let i = 0; i < 10; i++) await expect(store.probe(1)).rejects.toThrow("no commit within 1 ms");
  other.exec("ROLLBACK");
  await store.write(async () => {});
  expect(other.prepare("SELECT count(*) AS count FROM proofs").get()).toEqual({ count: 1 });
});
