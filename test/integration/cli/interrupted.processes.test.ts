import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { eventually } from "../../helpers/eventually.ts";
import { mayStartProcesses } from "../../helpers/may-start-processes.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";
import { setScene } from "./scene.ts";

const TWINHOOK = resolve(import.meta.dirname, "../../../app/cli/twinhook");
const MEBIBYTE = 2 ** 20;

/** A host with a store that takes a while to copy. No instance runs. */
async function withLargeStore() {
  const scene = await setScene();
  await (await scene.host.startInProcess("primary")).kill();
  const store = join(scene.host.stateDirectory, "twinhook.db");
  const database = new DatabaseSync(store);
  database.exec("CREATE TABLE filler (content)");
  const insert = database.prepare("INSERT INTO filler VALUES (zeroblob(?))");
  for (let row = 0; row < 40; row++) insert.run(MEBIBYTE);
  database.close();
  return { ...scene, store, file: join(scene.host.directory, "backup.db") };
}

/** Runs the command, and presses Ctrl-C again and again from the moment in which such a file is there. */
async function pressedAt(folder: string, part: string, args: string[], env: NodeJS.ProcessEnv) {
  mayStartProcesses();
  const child = spawn(TWINHOOK, args, { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"] });
  const err = text(child.stderr);
  let isOver = false;
  const ended = once(child, "exit").finally(() => {
    isOver = true;
  });
  while (!isOver && !holds(folder, part)) await sleep(1);
  while (!isOver) {
    child.kill("SIGINT");
    await sleep(5);
  }
  const [code, signal] = await ended;
  return { code, signal, err: await err };
}

function holds(folder: string, part: string): boolean {
  return readdirSync(folder, { recursive: true }).some((name) => String(name).includes(part));
}

test("Ctrl-C, pressed again and again while the store is copied, leaves no part of a backup", async () => {
  const { host, file } = await withLargeStore();
  const { code, signal, err } = await pressedAt(host.directory, ".unfinished-", ["backup", file], host.env);
  expect({ signal, unfinished: holds(host.directory, ".unfinished-") }).toEqual({
    signal: null,
    unfinished: false,
  });
  // A fast machine may have ended before.
  expect([code, existsSync(file)]).toEqual(err.includes("interrupted") ? [130, false] : [0, true]);
});

test("Ctrl-C, pressed again and again while the store is restored, leaves no part of a copy", async () => {
  const { host, file, twinhook } = await withLargeStore();
  expect(await twinhook(["backup", file])).toMatchObject({ code: 0 });
  const { code, signal, err } = await pressedAt(host.directory, ".restored-", ["restore", file], host.env);
  expect({ signal, unfinished: holds(host.directory, ".restored-") }).toEqual({
    signal: null,
    unfinished: false,
  });
  expect([code, holds(host.directory, ".before-")]).toEqual(
    err.includes("interrupted; nothing was changed") ? [130, false] : [0, true],
  );
});

test("Ctrl-C between the files that init writes does not keep it from writing them all", async () => {
  const folder = temporaryDirectory();
  const last = join(folder, "twinhook-workflow.yml");
  // Opened for writing, it lets nobody pass before it has a reader.
  execFileSync("mkfifo", [last]);
  mayStartProcesses();
  const given = ["--admin", "octocat", "--repository", "acme/site", "--yes", "--force"];
  const child = spawn(TWINHOOK, ["init", ...given], { cwd: folder, stdio: "ignore" });
  const ended = once(child, "exit");
  await eventually(() => expect(readdirSync(folder)).toContain(".env"));
  child.kill("SIGINT");
  const written = text(createReadStream(last));
  expect(await ended).toEqual([0, null]);
  expect(await written).toContain("endpoints");
});
