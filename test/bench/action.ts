import { spawn } from "node:child_process";
import { once } from "node:events";
import { runAction } from "../helpers/action/run-action.ts";
import {
  type Arrival,
  blackHole,
  refusingUrl,
  ScriptedEndpoint,
  type Step,
  works,
} from "../helpers/action/scripted-endpoint.ts";
import { DELIVERY_SECRET, TestHost } from "../helpers/test-host.ts";
import type { GitHub } from "../simulator/simulator.ts";
import { type Spread, spread } from "./statistics.ts";

/** How long something took (milliseconds), and how that compares with a bare process in the same round. */
export interface ActionTimes {
  what: string;
  ms: Spread;
  ratio: Spread;
  steps: number;
}

/** The first run that the Action asks for; each step asks for another one. */
const FIRST_RUN_ID = 50_000_000;

/**
 * Measures the committed bundle as a runner starts it, with default settings, one step after the other. Each round
 * also starts a bare `node -e 0`, which is what no Action on Node.js can be faster than.
 */
export async function measureAction(
  github: GitHub,
  { steps }: { steps: number },
  note: (line: string) => void,
): Promise<ActionTimes[]> {
  const endpoints: ScriptedEndpoint[] = [];
  const start = async (step: Step) => {
    const endpoint = await ScriptedEndpoint.start([step]);
    endpoints.push(endpoint);
    return endpoint;
  };
  const host = await TestHost.create({
    github,
    config: { failover: {} },
    targets: [
      {
        run: ["true"],
        action: { secret_env: "SITE_DELIVERY_SECRET", workflows: [".github/workflows/deploy.yml"] },
      },
    ],
  });
  try {
    await host.start("primary");
    const [right, silent, second] = [await start(works), await start(blackHole), await start(works)];
    let run = FIRST_RUN_ID;
    const step = async (...urls: string[]) => {
      run += 1;
      github.completeRun({ repository: "acme/site", runId: run, action: "in_progress", send: false });
      const begun = performance.now();
      const ended = await runAction(
        { endpoints: urls.join("\n"), environment: "production", secret: DELIVERY_SECRET },
        { GITHUB_RUN_ID: String(run) },
      );
      if (ended.exitCode !== 0) throw new Error(`the step failed: ${ended.summary || ended.stderr}`);
      return { begun, tookMs: ended.tookMs };
    };
    const arrival = async (endpoint: ScriptedEndpoint, ...urls: string[]) => {
      const before = endpoint.arrivals.length;
      const { begun } = await step(...urls);
      return (endpoint.arrivals[before] as Arrival).at - begun;
    };
    const subjects: [string, () => Promise<number>][] = [
      ["bare `node -e 0`", bareProcess],
      ["start to the first request", () => arrival(right, right.url)],
      ["whole step, a real App, wait-for: started", async () => (await step(host.url("primary"))).tookMs],
      ["start to the backup, primary refused", () => arrival(second, refusingUrl(), second.url)],
      ["start to the backup, primary black-holed (2 s)", () => arrival(second, silent.url, second.url)],
    ];
    const samples = subjects.map((): number[] => []);
    // The first round is not counted: caches are cold.
    for (let round = 0; round <= steps; round += 1) {
      note(`action: round ${round} of ${steps}`);
      for (const [index, [, measure]] of subjects.entries()) {
        const ms = await measure();
        if (round > 0) samples[index]?.push(ms);
      }
    }
    const bare = samples[0] ?? [];
    return subjects.map(([what], index) => {
      const times = samples[index] ?? [];
      const ratio = spread(times.map((ms, round) => ms / (bare[round] ?? Number.NaN)));
      return { what, ms: spread(times), ratio, steps };
    });
  } finally {
    await Promise.all([host.close(), ...endpoints.map((endpoint) => endpoint.close())]);
  }
}

async function bareProcess(): Promise<number> {
  const begun = performance.now();
  const child = spawn(process.execPath, ["-e", "0"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.resume();
  child.stderr.resume();
  await once(child, "close");
  return performance.now() - begun;
}
