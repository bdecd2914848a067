import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { LINGER_MS } from "../../app/failover/switchboard.ts";
import { STOP_LIMIT_MS } from "../../app/supervisor/keeper.ts";
import { temporaryDirectory } from "../helpers/stores.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const UNITS = ["twinhook.service", "twinhook@.service"] as const;
const read = (file: string) => readFileSync(join(ROOT, "dist/systemd", file), "utf8");
const value = (file: string, key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(read(file))?.[1];

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;
if (!hasSystemd) console.log("systemd is not installed, so its own checks of the unit files are skipped");

/** The units as a host has them, but for the program, which is this checkout's. */
function installed(): string {
  const folder = temporaryDirectory();
  for (const unit of UNITS)
    writeFileSync(
      join(folder, unit),
      read(unit).replaceAll("/usr/local/bin/twinhook", join(ROOT, "app/cli/twinhook")),
    );
  return folder;
}

/** The exposure by `systemd-analyze security`: 0 is sealed off, 10 is open. */
function exposure(unit: string): number {
  const text = execFileSync("systemd-analyze", ["security", "--offline=yes", "--no-pager", unit], {
    encoding: "utf8",
  });
  return Number(/exposure level for .*: ([\d.]+)/.exec(text)?.[1]);
}

describe.skipIf(!hasSystemd)("systemd", () => {
  test("finds no mistake in the unit files", () => {
    const folder = installed();
    const { status, stderr } = spawnSync(
      "systemd-analyze",
      ["verify", join(folder, UNITS[0]), join(folder, "twinhook@primary.service")],
      { encoding: "utf8" },
    );
    expect([status, stderr]).toEqual([0, ""]);
  });

  test("counts a service without sudo as well protected, and the other as no worse than documented", () => {
    const folder = installed();
    for (const unit of UNITS) expect(exposure(join(folder, unit))).toBeLessThanOrEqual(8.5);
    mkdirSync(join(folder, "twinhook.service.d"));
    cpSync(
      join(ROOT, "dist/systemd/without-sudo.conf"),
      join(folder, "twinhook.service.d/without-sudo.conf"),
    );
    expect(exposure(join(folder, UNITS[0]))).toBeLessThanOrEqual(2.5);
  });

  test("makes the user and the folders, private ones for secrets and state", () => {
    const root = temporaryDirectory();
    const make = (program: string, file: string, ...options: string[]) =>
      execFileSync(program, [`--root=${root}`, ...options, join(ROOT, "dist/systemd", file)]);
    mkdirSync(join(root, "etc"));
    make("systemd-sysusers", "sysusers.conf");
    expect(readFileSync(join(root, "etc/passwd"), "utf8")).toMatch(/^deploy:x:/);
    // Only root may give a folder to another user.
    if (process.getuid?.() !== 0) return;
    make("systemd-tmpfiles", "tmpfiles.conf", "--create");
    expect(statSync(join(root, "etc/twinhook")).mode & 0o777).toBe(0o750);
    expect(statSync(join(root, "var/lib/twinhook")).mode & 0o777).toBe(0o700);
  });
});

describe.each(UNITS)("%s", (unit) => {
  test("leaves the instances the time that they have to stop", () => {
    const limitMs = Number(value(unit, "TimeoutStopSec")) * 1_000;
    expect(limitMs).toBeGreaterThan(STOP_LIMIT_MS);
    expect(limitMs).toBeGreaterThan(LINGER_MS);
  });

  test("ends no runner, and is started again unless the configuration is wrong", () => {
    expect(value(unit, "KillMode")).toBe("process");
    expect(value(unit, "Restart")).toBe("always");
    expect(value(unit, "RestartPreventExitStatus")).toBe("78");
  });
});

test("each line that protects less than it could is explained", () => {
  for (const key of ["KillMode", "NotifyAccess", "OOMPolicy"])
    expect(read(UNITS[0])).toMatch(new RegExp(`^# WEAKER, since .+\\n${key}=`, "m"));
  for (const left of ["ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "NoNewPrivileges=yes"])
    expect(read(UNITS[0])).toMatch(new RegExp(`# LEFT OUT, since [^\\n]*${left}`));
});
