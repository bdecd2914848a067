import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "vitest";
import { runCommand } from "../../../app/cli/program.ts";
import { SCHEMA_VERSION } from "../../../app/store/schema-version.ts";
import { openToRead } from "../../helpers/open-to-read.ts";
import { PATIENCE_MS } from "../../helpers/patience.ts";
import { setScene } from "./scene.ts";

function idsIn(file: string): unknown[] {
  const database = openToRead(file);
  try {
    expect(database.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
    return database
      .prepare("SELECT id FROM deployments ORDER BY seq")
      .all()
      .map(({ id }) => id);
  } finally {
    database.close();
  }
}

async function withBackup() {
  const scene = await setScene();
  const instance = await scene.host.startInProcess("primary");
  const { id } = await scene.deploy();
  await scene.host.deployment("primary", id, ({ status }) => status === "succeeded");
  const file = join(scene.host.directory, "backup.db");
  const store = join(scene.host.stateDirectory, "twinhook.db");
  return { ...scene, instance, id, file, store };
}

describe("backup", () => {
  test("ends while others commit all the time, and holds all that was acknowledged before it began", async () => {
    const { terminal, deploy, file, id } = await withBackup();
    const shown = terminal();
    const before = [id, (await deploy()).id];
    let isOver = false;
    const copied = runCommand(["backup", file, "--json"], shown).finally(() => {
      isOver = true;
    });
    let commits = 0;
    while (!isOver) {
      await deploy();
      commits++;
    }
    expect(await copied).toBe(0);
    expect(commits).toBeGreaterThan(0);
    expect(shown.json).toMatchObject({ file, bytes: statSync(file).size, schema: SCHEMA_VERSION });
    expect(idsIn(file)).toEqual(expect.arrayContaining(before));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("of a store that no instance has open is made too", async () => {
    const { instance, twinhook, file, id } = await withBackup();
    await instance.kill();
    expect(await twinhook(["backup", file])).toMatchObject({ code: 0 });
    expect(idsIn(file)).toEqual([id]);
  });

  test("replaces a file only by --force", async () => {
    const { twinhook, file, id } = await withBackup();
    writeFileSync(file, "what was there");
    const { code, err } = await twinhook(["backup", file]);
    expect(code).toBe(1);
    expect(err).toContain("--force");
    expect(readFileSync(file, "utf8")).toBe("what was there");
    expect(await twinhook(["backup", file, "--force"])).toMatchObject({ code: 0 });
    expect(idsIn(file)).toEqual([id]);
  });

  test("that cannot be made leaves nothing behind, and makes no store", async () => {
    const { host, twinhook } = await setScene();
    const files = readdirSync(host.directory);
    expect(await twinhook(["backup", join(host.directory, "backup.db")])).toMatchObject({ code: 1 });
    expect(readdirSync(host.directory)).toEqual(files);
  });

  test("of PostgreSQL says how pg_dump makes it, without the password", async () => {
    const { twinhook } = await setScene({ store: "postgres://app:not-for-show@db.example.com/twinhook" });
    for (const command of ["backup", "restore"]) {
      const { code, err } = await twinhook([command, "copy.dump"]);
      expect(code).toBe(1);
      expect(err).toMatch(/pg_(dump|restore) .*postgres:\/\/app@db\.example\.com\/twinhook/);
      expect(err).not.toContain("not-for-show");
    }
  });
});

describe("restore", () => {
  test("puts the backup in the store's place, keeps what was there, and instances go on with it", async () => {
    const { host, instance, twinhook, json, deploy, file, store, id } = await withBackup();
    await twinhook(["backup", file]);
    const { id: later } = await deploy();
    await host.deployment("primary", later, ({ status }) => status === "succeeded");
    await instance.kill();

    const { code, out } = await twinhook(["restore", file]);
    expect(code).toBe(0);
    expect(out).toMatch(/ask GitHub/);
    expect(idsIn(store)).toEqual([id]);
    const kept = readdirSync(dirname(store)).find((name) => name.startsWith(`${basename(store)}.before-`));
    expect(idsIn(join(dirname(store), kept ?? ""))).toEqual([id, later]);
    await host.startInProcess("primary");
    expect(await json("deployments", "--limit", "100")).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ id })]),
    });
  });

  test("is refused while an instance runs, and changes nothing", async () => {
    const { host, twinhook, file, id } = await withBackup();
    await twinhook(["backup", file]);
    const { code, err } = await twinhook(["restore", file]);
    expect(code).toBe(1);
    expect(err).toMatch(/the instance primary runs; stop the service/);
    expect(await (await host.admin("primary", "GET", `/api/deployments/${id}`)).json()).toMatchObject({ id });
  });

  test("is refused while another process has the store open", async () => {
    const { instance, twinhook, file, store } = await withBackup();
    await twinhook(["backup", file]);
    await instance.kill();
    const other = new DatabaseSync(store, { timeout: PATIENCE_MS });
    other.exec("PRAGMA schema_version");
    const { code, err } = await twinhook(["restore", file]);
    other.close();
    expect(code).toBe(1);
    expect(err).toContain(`open in process ${process.pid}`);
  });

  test.each<[string, (file: string) => void]>([
    ["a text", (file) => writeFileSync(file, "not a database")],
    ["another database", (file) => change(file, "DROP TABLE twinhook_version")],
    [
      "a store of a newer release",
      (file) => change(file, "UPDATE twinhook_version SET version = 999, min_code_version = 999"),
    ],
  ])("of %s is refused, and changes nothing", async (_, spoil) => {
    const { instance, twinhook, file, store, id } = await withBackup();
    await twinhook(["backup", file]);
    spoil(file);
    await instance.kill();
    const { code, err } = await twinhook(["restore", file]);
    expect(code).toBe(1);
    expect(err).toMatch(/is no Twinhook store|install the newer release/);
    expect(idsIn(store)).toEqual([id]);
  });
});

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file);
  database.exec(sql);
  database.close();
}

test("migrate makes the store, and finds it made the next time", async () => {
  const { host, json } = await setScene();
  expect(await json("migrate")).toEqual({ from: null, to: SCHEMA_VERSION });
  expect(await json("migrate")).toEqual({ from: SCHEMA_VERSION, to: SCHEMA_VERSION });
  expect(existsSync(join(host.stateDirectory, "twinhook.db"))).toBe(true);
});
