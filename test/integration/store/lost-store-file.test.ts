import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, it, vi } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { onceAvailable } from "../../../app/store/once-available.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { SqliteDatabase } from "../../../app/store/sqlite/database.ts";
import type { Store } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { newStoreAddress } from "../../helpers/stores.ts";

const MOVED = { name: "StoreUnavailableError", reason: "moved" };

async function newPath(): Promise<string> {
  const address = await newStoreAddress("sqlite");
  if (address.engine !== "sqlite") throw new Error("unreachable");
  return address.path;
}

/** Opens the store of this file, as an instance or as a runner does. Threads only make it slower to start. */
async function open(path: string, { forRunner = false, threads = false } = {}) {
  const store = await openStore({ engine: "sqlite", path }, { clock: systemClock, forRunner, threads });
  atTestEnd(() => store.close());
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  return { store, accept: (run: number) => acceptor.accept(runArrival(run, [testTarget()])) };
}

const runs = async (store: Pick<Store, "read">) =>
  (await store.read.selectFrom("deployments").select("run_id").orderBy("run_id").execute()).map(
    ({ run_id }) => run_id,
  );
const becomesReady = (store: Store) =>
  expect.poll(() => store.probe(10_000).then(() => "ready", String)).toBe("ready");

const EVERYTHING = ["", "-wal", "-shm"];
const remove = (path: string, endings = EVERYTHING) => {
  for (const ending of endings) rmSync(path + ending, { force: true });
};
/** What an instance that starts now finds. It waits while somebody else puts the file back. */
const runsOnDisk = async (path: string) => {
  const { store } = await onceAvailable(() => open(path), { clock: systemClock, log: { warn: () => {} } });
  return runs(store);
};

it.each([
  ["all of its files", EVERYTHING],
  ["the file alone", [""]],
  ["its log and its shared memory", ["-wal", "-shm"]],
  ["its log alone", ["-wal"]],
  ["its shared memory alone", ["-shm"]],
])(
  "a store of which %s is deleted accepts nothing into it, and then puts back all that it holds",
  async (_, endings) => {
    const path = await newPath();
    const { store, accept } = await open(path);
    await accept(1);
    remove(path, endings);
    await expect(accept(2)).rejects.toMatchObject(MOVED);
    await becomesReady(store);
    await accept(3);
    expect(await runs(store)).toEqual(expect.arrayContaining([1, 3]));
    expect(await runsOnDisk(path)).toEqual(await runs(store));
    expect(readdirSync(dirname(path)).filter((name) => name.includes(".kept-"))).toEqual([]);
  },
);

it("a store whose file is deleted is not ready, even right after a commit", async () => {
  const path = await newPath();
  const { store, accept } = await open(path);
  await accept(1);
  await store.probe(10_000);
  remove(path);
  await expect(store.probe(10_000)).rejects.toMatchObject(MOVED);
  await expect(store.probe(10_000)).resolves.toBeUndefined();
});

it("all who have the deleted file open go over to the one that was put back", async () => {
  const path = await newPath();
  const [primary, backup, runner] = [
    await open(path),
    await open(path),
    await open(path, { forRunner: true }),
  ];
  await primary.accept(1);
  await Promise.all([backup, runner].map(({ store }) => runs(store)));
  remove(path);
  await expect(primary.store.probe(10_000)).rejects.toMatchObject(MOVED);
  await becomesReady(primary.store);
  await primary.accept(2);
  // Neither needs to be told, and neither refuses anything.
  await backup.accept(3);
  await runner.accept(4);
  for (const { store } of [primary, backup, runner]) expect(await runs(store)).toEqual([1, 2, 3, 4]);
  expect(await runsOnDisk(path)).toEqual([1, 2, 3, 4]);
});

it("several who notice at the same time lose nothing that any of them accepts", async () => {
  const path = await newPath();
  const stores = [
    await open(path, { threads: true }),
    await open(path, { threads: true }),
    await open(path, { forRunner: true }),
  ];
  const accepted: number[] = [];
  let run = 1;
  for (let round = 0; round < 5; round++) {
    remove(path, round % 2 === 0 ? EVERYTHING : [""]);
    for (let batch = 0; batch < 4; batch++)
      await Promise.all(
        stores.map(async ({ accept }) => {
          const id = run++;
          await accept(id).then(
            () => accepted.push(id),
            (error) => expect(error).toMatchObject({ name: "StoreUnavailableError" }),
          );
        }),
      );
    for (const { store } of stores) await becomesReady(store);
  }
  const found = await runsOnDisk(path);
  expect(found).toEqual(expect.arrayContaining(accepted));
  for (const { store } of stores) expect(await runs(store)).toEqual(found);
  expect(accepted.length).toBeGreaterThan(stores.length * 5);
});

it("a file that lost its name twice is put back by who has the newer one, never by who has the older", async () => {
  const path = await newPath();
  const [primary, idle] = [await open(path), await open(path, { forRunner: true })];
  await primary.accept(1);
  await runs(idle.store);
  remove(path);
  await expect(primary.accept(2)).rejects.toMatchObject(MOVED);
  await primary.accept(2);
  remove(path);
  // It has the first file, or has gone over to the second one by now.
  await idle.accept(3).catch((error) => expect(error).toMatchObject(MOVED));
  await primary.accept(4).catch((error) => expect(error).toMatchObject(MOVED));
  await becomesReady(primary.store);
  await primary.accept(5);
  const found = await runsOnDisk(path);
  expect(found).toEqual(expect.arrayContaining([1, 2, 5]));
  await becomesReady(idle.store);
  expect(await runs(idle.store)).toEqual(found);
});

it("puts the file back when it is closed, so that a restart finds everything", async () => {
  const path = await newPath();
  const { store, accept } = await open(path);
  await accept(1);
  remove(path);
  await store.close();
  expect(await runsOnDisk(path)).toEqual([1]);
});

it("makes the folder anew where that was deleted too", async () => {
  const path = await newPath();
  const { store, accept } = await open(path);
  await accept(1);
  rmSync(dirname(path), { recursive: true });
  await expect(accept(2)).rejects.toMatchObject(MOVED);
  await becomesReady(store);
  expect(await runsOnDisk(path)).toEqual([1]);
});

it("a runner never begins a store anew", async () => {
  const path = await newPath();
  await expect(open(path, { forRunner: true })).rejects.toMatchObject({ name: "StoreUnavailableError" });
  expect(readdirSync(dirname(path))).toEqual([]);
});

/** Another store, which is closed. */
async function otherStore(): Promise<string> {
  const other = await newPath();
  const { store, accept } = await open(other);
  await accept(77);
  await store.close();
  return other;
}

/** Puts another database in the place of the store, as a wrong restore does. */
async function restoreAnother(path: string) {
  const other = await otherStore();
  remove(path);
  renameSync(other, path);
}
const keptCopy = (path: string) => {
  const kept = readdirSync(dirname(path)).filter((name) => name.startsWith(`${basename(path)}.kept-`));
  expect(kept).toHaveLength(1);
  return `${dirname(path)}/${kept[0]}`;
};

it("another file in its place is not overwritten: it is refused, with what to do", async () => {
  const path = await newPath();
  const { store, accept } = await open(path);
  await accept(1);
  await restoreAnother(path);
  for (let again = 0; again < 3; again++) await expect(accept(2)).rejects.toMatchObject(MOVED);
  const refusal = await store.probe(10_000).catch((error: Error) => error.message);
  expect(refusal).toContain(`${path} is another file than the one that is open`);
  expect(refusal).toContain(`is kept in ${keptCopy(path)}`);
  expect(refusal).toMatch(/move .* away.*; to go on with the present files, restart Twinhook/);
  expect(await runsOnDisk(path)).toEqual([77]);
});

it("another file that is moved over the database alone is mixed with nothing, and what was accepted is kept", async () => {
  const path = await newPath();
  const stores = [await open(path), await open(path), await open(path, { forRunner: true })];
  for (const [index, { accept }] of stores.entries()) await accept(index + 1);
  const other = await otherStore();
  renameSync(other, path);
  for (const { store, accept } of [...stores, ...stores]) {
    await expect(accept(9)).rejects.toMatchObject(MOVED);
    await expect(store.probe(10_000)).rejects.toMatchObject(MOVED);
    expect(await runs(store)).toEqual([1, 2, 3]);
  }
  expect(await runsOnDisk(path)).toEqual([77]);
  remove(path);
  for (const { store } of stores) await becomesReady(store);
  expect(await runsOnDisk(path)).toEqual([1, 2, 3]);
});

it("a file that was moved over the database is not opened while a process has the earlier one open with its log", async () => {
  const path = await newPath();
  const { accept } = await open(path);
  await accept(1);
  const other = await otherStore();
  renameSync(other, path);
  const late = new SqliteDatabase({ path, readOnly: false, watchMs: 0, create: true }, () => {});
  atTestEnd(() => late.close());
  expect(await late.ask({ op: "reopen" })).toMatchObject({
    error: { message: expect.stringContaining("was deleted or replaced, but process") },
  });
});

it("what was accepted has its place again as soon as the other file is moved away", async () => {
  const path = await newPath();
  const { store, accept } = await open(path);
  await accept(1);
  await restoreAnother(path);
  await expect(accept(2)).rejects.toMatchObject(MOVED);
  await expect(accept(2)).rejects.toMatchObject(MOVED);
  remove(path);
  await becomesReady(store);
  await accept(3);
  expect(await runsOnDisk(path)).toEqual([1, 3]);
});

it("what was accepted has its place again when its copy is moved there", async () => {
  const path = await newPath();
  const { store, accept } = await open(path);
  await accept(1);
  await restoreAnother(path);
  await expect(accept(2)).rejects.toMatchObject(MOVED);
  await expect(accept(2)).rejects.toMatchObject(MOVED);
  const kept = keptCopy(path);
  remove(path);
  renameSync(kept, path);
  await becomesReady(store);
  await accept(3);
  expect(await runsOnDisk(path)).toEqual([1, 3]);
});

it("what is no database at all is not overwritten either", async () => {
  const path = await newPath();
  const { accept } = await open(path);
  await accept(1);
  const other = new DatabaseSync(`${path}.other`);
  other.exec("CREATE TABLE something (x)");
  other.close();
  remove(path);
  renameSync(`${path}.other`, path);
  for (let again = 0; again < 2; again++) await expect(accept(2)).rejects.toMatchObject(MOVED);
  keptCopy(path);
});

it("a connection that opens late makes no log anew where another one of its process has the deleted one open", async () => {
  const path = await newPath();
  const connection = (readOnly: boolean) => {
    const made = new SqliteDatabase({ path, readOnly, watchMs: 0, create: true }, () => {});
    atTestEnd(() => made.close());
    return made;
  };
  const query = { op: "query", sql: "PRAGMA schema_version", parameters: [] } as const;
  const writer = connection(false);
  expect(await writer.ask(query)).toHaveProperty("rows");
  remove(path, ["-wal"]);
  expect(await connection(true).ask(query)).toMatchObject({
    error: { message: expect.stringContaining("-wal was deleted or replaced, but process") },
  });
  expect(existsSync(`${path}-wal`)).toBe(false);
});

it("a connection that watches for changes opens nothing before it is told to", async () => {
  vi.useFakeTimers();
  atTestEnd(() => void vi.useRealTimers());
  const path = await newPath();
  const [writer, watching] = [false, true].map((readOnly) => {
    const made = new SqliteDatabase({ path, readOnly, watchMs: readOnly ? 100 : 0, create: true }, () => {});
    atTestEnd(() => made.close());
    return made;
  }) as [SqliteDatabase, SqliteDatabase];
  // A database without its log, as a copy is that somebody put there.
  const other = new DatabaseSync(path);
  other.exec("PRAGMA journal_mode = WAL; CREATE TABLE something (x)");
  other.close();
  vi.advanceTimersByTime(1_000);
  expect(await writer.ask({ op: "reopen" })).toHaveProperty("rows");
  expect(await watching.ask({ op: "reopen" })).toHaveProperty("rows");
});
