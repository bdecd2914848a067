import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createLog } from "../../../app/log.ts";
import { identify, type ProcessIdentity } from "../../../app/run/process-identity.ts";
import { readServiceRecord, SUPERVISOR, writeServiceRecord } from "../../../app/run/service-record.ts";
import { Requests } from "../../../app/supervisor/requests.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

const log = createLog("silent", null);
const recordIn = (stateDirectory: string) => readServiceRecord(stateDirectory, SUPERVISOR);

function begin(stateDirectory = temporaryDirectory()) {
  return { stateDirectory, requests: new Requests({ stateDirectory, name: SUPERVISOR, log }) };
}

test("a request is recorded with its outcome, and why it failed", async () => {
  const { stateDirectory, requests } = begin();
  expect(recordIn(stateDirectory)).toMatchObject({ process: { pid: process.pid }, last: null });
  const problems = await requests.run("reload", () => Promise.reject(new Error("the store is away")));
  expect(problems).toEqual(["the store is away"]);
  expect(recordIn(stateDirectory)?.last).toMatchObject({ act: "reload", code: 1, problems });
});

test("requests are carried out one after the other", async () => {
  const { requests } = begin();
  const said: string[] = [];
  const first = Promise.withResolvers<void>();
  const done = [
    requests.run("reload", () => first.promise.then(() => void said.push("first"))),
    requests.run("restart", async () => void said.push("second")),
  ];
  first.resolve();
  await Promise.all(done);
  expect(said).toEqual(["first", "second"]);
});

test("a second process of the name leaves the record to the first while that lives", () => {
  const stateDirectory = temporaryDirectory();
  writeServiceRecord(stateDirectory, SUPERVISOR);
  const file = join(stateDirectory, "service", `${SUPERVISOR}.json`);
  const parent = identify(process.ppid) as ProcessIdentity;
  writeFileSync(file, JSON.stringify({ process: parent, last: null }));
  begin(stateDirectory);
  expect(recordIn(stateDirectory)?.process.pid).toBe(process.ppid);
  writeFileSync(file, JSON.stringify({ process: { ...parent, startTime: "1" }, last: null }));
  begin(stateDirectory);
  expect(recordIn(stateDirectory)?.process.pid).toBe(process.pid);
});

test("a record that cannot be written ends nothing", async () => {
  const { stateDirectory, requests } = begin();
  rmSync(stateDirectory, { recursive: true });
  writeFileSync(stateDirectory, "a file in the folder's place");
  expect(await requests.run("reload", async () => {})).toEqual([]);
  expect(readFileSync(stateDirectory, "utf8")).toContain("a file");
});
