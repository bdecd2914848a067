import pino from "pino";
import { expect, it, vi } from "vitest";
import { RunnerPool } from "../../../app/run/runner-pool.ts";
import { testTarget } from "../../helpers/arrivals.ts";

it("a runner for which no process can be made counts as dead, and is no spare for the next deployment", async () => {
  // The kernel starts nothing with a variable as long as this.
  vi.stubEnv("LC_ENDLESS", "x".repeat(1024 * 1024));
  const lines: string[] = [];
  try {
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    const pool = new RunnerPool(
      { type: "prepare", store: { engine: "sqlite", path: "/none" }, stateDirectory: "/none", instance: "a" },
      log,
    );
    const job = { type: "job", target: testTarget(), inherited: {}, secrets: [] } as const;
    expect(await pool.run(job)).toBe("died");
    expect(pool.hasSpare).toBe(false);
    expect(await pool.run(job)).toBe("died");
    pool.close();
  } finally {
    vi.unstubAllEnvs();
  }
  expect(lines.join("")).toContain("no worker can be started");
});
