import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { StoreTooNewError, StoreUnavailableError } from "../../../app/store/errors.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { SCHEMA_VERSION } from "../../../app/store/schema-version.ts";
import { lockHolder } from "../../../app/store/sqlite/lock-holder.ts";
import type { Store } from "../../../app/store/store.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { ENGINES, newStore, newStoreAddress, reopen, temporaryDirectory } from "../../helpers/stores.ts";

const acceptorOf = (store: Store) =>
  new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
const count = async (store: Store) =>
  (await store.read.selectFrom("deliveries").select("id").execute()).length;

describe.each(ENGINES)("the %s store", (engine) => {
  it("keeps what was accepted when it is opened again", async () => {
    const address = await newStoreAddress(engine);
    const first = await openStore(address, { clock: systemClock });
    await acceptorOf(first).accept(runArrival(1, [testTarget()]));
    await first.close();
    expect(await count(await reopen(address))).toBe(1);
  });

  it("is migrated once, however many processes open it at the same time", async () => {
    const address = await newStoreAddress(engine);
    const stores = await Promise.all(Array.from({ length: 4 }, () => reopen(address)));
    for (const store of stores)
      expect(await store.read.selectFrom("twinhook_version").select("version").execute()).toEqual([
        { version: SCHEMA_VERSION },
      ]);
  });

  it("serves two versions of the code side by side, while the newer one has only added to it", async () => {
    const address = await newStoreAddress(engine);
    const newer = await reopen(address);
    await newer.write(async (trx) => {
      await trx.schema.alterTable("deployments").addColumn("from_the_future", "text").execute();
      await trx
        .updateTable("twinhook_version")
        .set({ version: SCHEMA_VERSION + 1 })
        .execute();
    });
    const older = await reopen(address);
    await acceptorOf(older).accept(runArrival(1, [testTarget()]));
    expect(await count(newer)).toBe(1);
  });

  it("refuses code that is too old for it, and says what to do", async () => {
    const address = await newStoreAddress(engine);
    const newer = await reopen(address);
    const versions = { version: SCHEMA_VERSION + 2, min_code_version: SCHEMA_VERSION + 1 };
    await newer.write((trx) => trx.updateTable("twinhook_version").set(versions).execute());
    const opening = openStore(address, { clock: systemClock });
    await expect(opening).rejects.toThrow(StoreTooNewError);
    await expect(opening).rejects.toThrow(/install the newer release/);
  });

  it("is not ready for code that runs on while a newer release takes away what it needs", async () => {
    const address = await newStoreAddress(engine);
    const older = await reopen(address);
    await older.probe(1_000);
    const newer = await reopen(address);
    const versions = { version: SCHEMA_VERSION + 2, min_code_version: SCHEMA_VERSION + 1 };
    await newer.write((trx) => trx.updateTable("twinhook_version").set(versions).execute());
    const probe = () => older.probe(1_000).then(() => "ready", String);
    await expect.poll(probe).toMatch(/StoreTooNewError.* install the newer release/);
  });

  it("writes nothing of a transaction that fails half-way", async () => {
    const store = await newStore(engine);
    const probedAt = () => store.read.selectFrom("twinhook_version").select("probed_at").execute();
    const before = await probedAt();
    const failing = store.write(async (trx) => {
      await trx.updateTable("twinhook_version").set({ probed_at: 42 }).execute();
      throw new Error("half-way");
    });
    await expect(failing).rejects.toThrow("half-way");
    expect(await probedAt()).toEqual(before);
  });

  it("writes nothing of a single statement that fails, and goes on with the next", async () => {
    const store = await newStore(engine);
    const lease = { name: "x", holder: "a", instance: "a", host: "h", token: 1, beat: 1 };
    const insert = () => store.writeOne((db) => db.insertInto("leases").values(lease).returning("name"));
    expect(await insert()).toEqual([{ name: "x" }]);
    await expect(insert()).rejects.toThrow(/unique/i);
    const update = store.writeOne((db) => db.updateTable("leases").set({ beat: 2 }).returning("beat"));
    expect(await update).toEqual([{ beat: 2 }]);
  });

  it("tells listeners in other processes that something was queued", async () => {
    const address = await newStoreAddress(engine);
    const [here, there] = [await reopen(address), await reopen(address)];
    // The first notice says that the listener is connected.
    let heard = Promise.withResolvers<void>();
    const stop = there.onChange(() => heard.resolve());
    await heard.promise;
    heard = Promise.withResolvers<void>();
    await acceptorOf(here).accept(runArrival(1, [testTarget()]));
    await heard.promise;
    stop();
  });

  it("shares a commit among arrivals, and fails only the one that cannot be stored", async () => {
    const store = await newStore(engine);
    const acceptor = acceptorOf(store);
    const bad = { ...runArrival(3, [testTarget()]), event: undefined as unknown as string };
    const arrivals = [runArrival(1, [testTarget()]), bad, runArrival(2, [testTarget()])];
    const results = await Promise.allSettled(arrivals.map((arrival) => acceptor.accept(arrival)));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await count(store)).toBe(2);
  });
});

describe("the SQLite store in trouble", () => {
  it("reports a full disk, has written nothing, and resumes by itself when there is space", async ({
    skip,
  }) => {
    const directory = tinyDisk();
    if (!directory) return skip("mounting a small disk needs root");
    const store = await openStore(
      { engine: "sqlite", path: join(directory, "twinhook.db") },
      { clock: systemClock },
    );
    const acceptor = acceptorOf(store);
    await acceptor.accept(runArrival(1, [testTarget()]));
    const free = statfsSync(directory);
    const ballast = join(directory, "ballast");
    writeFileSync(ballast, Buffer.alloc((free.bavail - 1) * free.bsize));
    const big = Array.from({ length: 100 }, (_, i) => acceptor.accept(runArrival(100 + i, [testTarget()])));
    const results = await Promise.allSettled(big);
    const failed = results.filter((r) => r.status === "rejected");
    expect(failed.length).toBeGreaterThan(0);
    for (const { reason } of failed)
      expect(reason).toMatchObject({ name: "StoreUnavailableError", reason: "full" });
    await expect(store.probe(1_000)).rejects.toThrow(/free some space/);
    expect(await count(store)).toBe(1 + results.length - failed.length);

    rmSync(ballast);
    await store.probe(1_000);
    await acceptor.accept(runArrival(2, [testTarget()]));
    await store.close();
  });

  it("reports a file that can only be read, and resumes by itself when it can be written", async ({
    skip,
  }) => {
    const directory = tinyDisk();
    if (!directory) return skip("mounting a small disk needs root");
    const path = join(directory, "twinhook.db");
    const first = await openStore({ engine: "sqlite", path }, { clock: systemClock });
    await first.close();
    execFileSync("mount", ["-o", "remount,ro", directory]);
    const opening = openStore({ engine: "sqlite", path }, { clock: systemClock });
    await expect(opening).rejects.toThrow(/write permission|cannot be opened/);
    execFileSync("mount", ["-o", "remount,rw", directory]);
    const store = await openStore({ engine: "sqlite", path }, { clock: systemClock });
    await acceptorOf(store).accept(runArrival(1, [testTarget()]));
    await store.close();
  });

  it("refuses while another process holds the lock, says so, and resumes when it lets go", async () => {
    const address = await newStoreAddress("sqlite");
    if (address.engine !== "sqlite") throw new Error("unreachable");
    const store = await reopen(address);
    await store.write((trx) => trx.updateTable("twinhook_version").set({ probed_at: 1 }).execute());
    const shell = new DatabaseSync(address.path);
    shell.exec("BEGIN IMMEDIATE");
    expect(await lockHolder(address.path)).toBe(process.pid);
    const accepting = acceptorOf(store).accept(runArrival(1, [testTarget()]));
    await expect(accepting).rejects.toThrow(StoreUnavailableError);
    await expect(store.probe(300)).rejects.toThrow(/write lock/);
    shell.exec("ROLLBACK");
    shell.close();
    await expect.poll(() => store.probe(1_000).then(() => "ready")).toBe("ready");
    expect(await lockHolder(address.path)).toBeUndefined();
  });

  it("cannot be opened where there is no folder to make it in, and says so", async () => {
    const file = join(temporaryDirectory(), "a-file");
    writeFileSync(file, "");
    const opening = openStore({ engine: "sqlite", path: join(file, "twinhook.db") }, { clock: systemClock });
    await expect(opening).rejects.toThrow(/check its path, its permissions and the disk/);
  });

  it("makes the folder of its file, for its own user only", async () => {
    const path = join(temporaryDirectory(), "made", "twinhook.db");
    const store = await openStore({ engine: "sqlite", path }, { clock: systemClock });
    expect(existsSync(path)).toBe(true);
    await store.close();
  });
});

describe("the PostgreSQL store in trouble", () => {
  it("never shows the password of its URL in an error", async () => {
    const opening = openStore(
      { engine: "postgres", url: "postgres://someone:s3cret-word@127.0.0.1:9/none" },
      { clock: systemClock },
    );
    await expect(opening).rejects.toThrow(StoreUnavailableError);
    const error = await opening.catch((e: Error) => e);
    expect(String((error as Error).stack)).not.toContain("s3cret-word");
  });
});

/** A disk of 4 MB of its own, or undefined where this user may not mount one. */
function tinyDisk(): string | undefined {
  const directory = join(temporaryDirectory(), "disk");
  mkdirSync(directory);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "none", directory], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  onTestFinished(() => {
    execFileSync("umount", ["-l", directory]);
  });
  return directory;
}
