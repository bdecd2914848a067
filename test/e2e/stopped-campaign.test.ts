import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { processesIn } from "../campaign/processes.ts";
import { endProcess } from "../helpers/end-process.ts";
import { AppProcess } from "../helpers/process.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const LONG = "600";

test("a campaign that is stopped in the middle, by a signal that comes twice, ends all that it started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "twinhook-stopped-"));
  const args = ["--store", "sqlite", "--minutes", "0", "--seed", "7", "--length", LONG, "--verbose"];
  const campaign = new AppProcess([join(ROOT, "test/campaign/main.ts"), ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: folder },
  });
  onTestFinished(async () => {
    await campaign.kill();
    for (const left of processesIn(folder)) endProcess(left);
    rmSync(folder, { recursive: true, force: true });
  });

  // Faults begin when the instances run.
  await campaign.line(({ msg }) => msg?.includes("fault 1: ") === true);
  expect(processesIn(folder)).not.toEqual([]);
  for (let sent = 0; sent < 2; sent++) campaign.child.kill("SIGINT");
  await campaign.ended;

  expect(campaign.output).toMatch(/\nended by SIGINT\n$/);
  expect(processesIn(folder)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
