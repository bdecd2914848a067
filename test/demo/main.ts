/** `npm run demo`: Twinhook on this machine, with a simulated GitHub, while the primary is killed. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { gather } from "./evidence.ts";
import { printInvitation } from "./invitation.ts";
import { Scenario } from "./scenario.ts";
import { Stage } from "./stage.ts";
import { printSummary } from "./summary.ts";
import { Timeline } from "./timeline.ts";
import { isGood, judge } from "./verdict.ts";

const USAGE = `Usage: npm run demo -- [--once] [--help]

Starts a simulated GitHub and both instances of Twinhook on free ports, with SQLite in a temporary
folder, and plays a story: events arrive, the Action asks, the primary is killed in the middle of a
deployment. At the end it counts. Nothing leaves this machine.

  --once   end when the story is over. Without it, and on a terminal, everything stays up until Ctrl-C

It ends with 0, or with 1 if anything was lost, doubled or out of order. About 15 seconds.`;

/** As a shell has it: 128 and the number of the signal. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { once: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const watched = process.stdout.isTTY === true;
  const timeline = new Timeline(process.stdout);
  const stopped = new Promise<number>((resolve) => {
    for (const [signal, code] of Object.entries(EXIT_CODES)) process.on(signal, () => resolve(code));
  });
  // Everything that is written from here on, by any process, is written below this folder.
  const folder = mkdtempSync(join(tmpdir(), "twinhook-demo-"));
  process.env.TMPDIR = folder;
  let stage: Stage | undefined;
  try {
    stage = await Stage.build();
    const played = play(stage, timeline, watched);
    const end = await Promise.race([played, stopped]);
    if (end !== 0 || values.once || !watched) return end;
    printInvitation(timeline, stage, folder);
    await stopped;
    return 0;
  } finally {
    await stage?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Plays the story and counts; returns the exit code. */
async function play(stage: Stage, timeline: Timeline, paced: boolean): Promise<number> {
  const scenario = new Scenario(stage, timeline, { paced });
  await scenario.play();
  const evidence = await gather(stage, "backup", scenario.messages);
  const verdict = judge(evidence);
  printSummary(timeline, verdict, evidence);
  return isGood(verdict) ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  },
);
