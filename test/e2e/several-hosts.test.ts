import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { Network, whyNoNetworks } from "../helpers/network.ts";
import { HOSTS, type Report, type Round } from "./several-hosts.ts";

/** Whether each host in its turn is cut off from everything, and not only whichever is the active one. */
const EVERY_HOST = process.env.TWINHOOK_EVERY_HOST !== undefined;
const LIMIT_MS = EVERY_HOST ? 1_200_000 : 600_000;
const why = whyNoNetworks();

/** Makes the network, has everything happen in its middle, and removes it. */
async function run(): Promise<Report> {
  const network = new Network(String(process.pid), HOSTS);
  const directory = mkdtempSync(join(tmpdir(), "twinhook-hosts-"));
  const file = join(directory, "report.json");
  try {
    network.make();
    const [command, ...args] = [
      ...network.inside("hub"),
      process.execPath,
      join(import.meta.dirname, "several-hosts.ts"),
      String(process.pid),
      file,
      ...(EVERY_HOST ? ["every-host"] : []),
    ];
    const child = spawn(command as string, args, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        output += text;
      });
    const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT_MS);
    const [code] = await once(child, "close");
    clearTimeout(timer);
    if (process.env.TWINHOOK_TEST_LOG) console.log(output);
    if (code !== 0) throw new Error(`it ended with ${code}:\n${output}`);
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } finally {
    network.remove();
    rmSync(directory, { recursive: true, force: true });
  }
}

describe.skipIf(why !== null)(`three hosts on PostgreSQL${why === null ? "" : ` (skipped: ${why})`}`, () => {
  let report: Report;
  const rounds = (from: Round["from"]) => report.rounds.filter((one) => one.from === from);

  beforeAll(async () => {
    report = await run();
  }, LIMIT_MS + 20_000);

  it("what GitHub cannot deliver while the active one is cut off from it is caught up", () => {
    expect(report.deployments.map(({ source }) => source)).toContain("catch_up");
  });

  it("GitHub is sent to another one when it and the active one cannot reach each other", () => {
    for (const { movedAfterMs, accepted } of rounds("github")) {
      expect(movedAfterMs).not.toBeNull();
      expect(accepted).toBeGreaterThanOrEqual(3);
    }
  });

  it("GitHub is sent to another one when the active one's plug is pulled", () => {
    for (const { readiness, movedAfterMs, accepted } of rounds("everyone")) {
      expect(readiness).toBeNull();
      expect(movedAfterMs).not.toBeNull();
      expect(accepted).toBeGreaterThanOrEqual(3);
    }
  });

  it("one that is cut off from the database says that it is not ready, and another takes its place", () => {
    for (const { readiness, movedAfterMs, accepted } of rounds("database")) {
      expect(readiness).toBe("not ready");
      expect(movedAfterMs).not.toBeNull();
      expect(accepted).toBeGreaterThanOrEqual(3);
    }
  });

  it("events go on when the active one is cut off from the others", () => {
    for (const { accepted } of rounds("others")) expect(accepted).toBeGreaterThanOrEqual(3);
  });

  it("each rejoins once it is reachable again", () => {
    expect(report.dead).toEqual([]);
    expect(report.rounds).toHaveLength(EVERY_HOST ? 4 * HOSTS.length : 4);
  });

  it("every event is on record once, and no run was deployed twice", () => {
    const runs = report.deployments.map(({ run_id }) => run_id);
    expect(runs.toSorted()).toEqual(report.sent.toSorted());
    expect(new Set(report.started).size).toBe(report.started.length);
    const succeeded = report.deployments.filter(({ status }) => status === "succeeded");
    expect(report.started.toSorted()).toEqual(succeeded.map(({ run_id }) => run_id).toSorted());
  });
});
