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
