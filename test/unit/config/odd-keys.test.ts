import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../../app/config/load.ts";
import { ConfigError } from "../../../app/config/problem.ts";

it("a file whose keys are lists or maps is refused in words, and nothing of it is printed as a warning of Node's", async () => {
  const folder = mkdtempSync(join(tmpdir(), "twinhook-"));
  const warned: string[] = [];
  const note = ({ message }: Error) => void warned.push(message);
  process.on("warning", note);
  onTestFinished(() => {
    process.off("warning", note);
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, "twinhook.yml");
  writeFileSync(file, "{ store: x }: 1\n");
  expect(() => loadConfig({ TWINHOOK_CONFIG: file })).toThrow(ConfigError);
  await setImmediate();
  expect(warned).toEqual([]);
});
