import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import type { GitHub } from "../simulator/simulator.ts";
import { LoadGenerator } from "./load-generator.ts";
import { type Build, OWN_BUILD } from "./other-build.ts";
import { startTwinhook } from "./subjects/twinhook.ts";

/** After how many events to look. */
const LOOKS = [10_000, 100_000] as const;
/** One event in ten is of a new run, so that deployments and word for GitHub are kept as well. */
const FRESH_RUN_EVERY = 10;
/** What is only waiting to be collected is not what an instance needs. */
const SETTLE_MS = 10_000;

/** The resident memory of an instance after so many events. */
export interface MemoryLook {
  subject: string;
  events: number;
  residentBytes: number;
}

/**
 * Measures how the memory of one instance grows with the events that it has taken in, the builds taking turns.
 */
export async function measureMemory(
  github: GitHub,
  { other }: { other: Build | null },
  note: (line: string) => void,
): Promise<MemoryLook[]> {
  const subjects = await Promise.all(
    (other ? [OWN_BUILD, other] : [OWN_BUILD]).map((build) =>
      startTwinhook(github, { name: build.name, command: ["sleep", "3600"], queue: "all", build }),
    ),
  );
  const load = new LoadGenerator();
  try {
    await github.goDown();
    const looks: MemoryLook[] = [];
    let sent = 0;
    for (const events of LOOKS) {
      note(`memory: up to ${events.toLocaleString("en")} events`);
      for (const subject of subjects)
        await load.run(subject, { freshRunEvery: FRESH_RUN_EVERY, events: events - sent });
      sent = events;
      await sleep(SETTLE_MS);
      for (const { name, pid } of subjects)
        looks.push({ subject: name, events, residentBytes: residentBytes(pid) });
    }
    return looks;
  } finally {
    load.close();
    await Promise.all(subjects.map((subject) => subject.stop()));
    await github.comeBack();
  }
}

function residentBytes(pid: number): number {
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) * 1024;
}
