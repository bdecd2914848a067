import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { GitHub } from "../simulator/simulator.ts";
import { HelperProcess } from "./helper-process.ts";
import { type Build, OWN_BUILD } from "./other-build.ts";
import { planEvents } from "./payload.ts";
import { type Comparison, compare, percentile } from "./statistics.ts";
import { findAdnanhWebhook, startAdnanhWebhook } from "./subjects/adnanh-webhook.ts";
import type { Subject } from "./subjects/subject.ts";
import { startTwinhook } from "./subjects/twinhook.ts";
import type { TriggerJob, TriggerResult } from "./trigger-process.ts";
import { takeTurns } from "./turns.ts";

/** Samples that are not counted: caches, compilers, the first runner. */
const WARM_UP_SAMPLES = 5;
/** Long enough for everything that follows a deployment to be over, so that each event meets an idle system. */
const PAUSE_MS = 400;

/** How long it took from sending an event to the first act of the command (milliseconds). */
export interface TriggerTimes {
  subject: string;
  samples: number;
  p50: number;
  p99: number;
  min: number;
  max: number;
  /** Until the event was answered. */
  answeredP50: number;
  /** To the build that it is compared with. */
  against?: Comparison;
}

/** Measures trigger times, one event at a time, the subjects taking turns. */
export async function measureTrigger(
  github: GitHub,
  { samples, other }: { samples: number; other: Build | null },
  note: (line: string) => void,
): Promise<TriggerTimes[]> {
  const directory = mkdtempSync(join(tmpdir(), "twinhook-bench-trigger-"));
  const pipe = join(directory, "began");
  execFileSync("mkfifo", [pipe]);
  // As deploy scripts mostly begin; then one builtin: no further process, no clock to read.
  const command = join(directory, "deploy.sh");
  writeFileSync(command, `#!/usr/bin/env bash\necho > ${pipe}\n`, { mode: 0o755 });

  const subjects: Subject[] = [];
  const probe = new HelperProcess<TriggerJob, TriggerResult>(
    new URL("./trigger-process.ts", import.meta.url),
  );
  try {
    for (const build of other ? [OWN_BUILD, other] : [OWN_BUILD])
      subjects.push(
        await startTwinhook(github, {
          name: `${build.name}, a new run each time`,
          command: [command],
          queue: "all",
          build,
        }),
      );
    const binary = findAdnanhWebhook();
    if (binary)
      subjects.push(await startAdnanhWebhook(binary, { secret: github.app.webhookSecret, command }));
    else note("adnanh/webhook is left out: there is no `webhook` on the PATH");
    const results = await takeTurns(subjects, WARM_UP_SAMPLES + samples, async (subject) => {
      await sleep(PAUSE_MS);
      const result = await probe.ask({ plan: planEvents(subject.entrance, 1, 1), pipe });
      if (result.status > 299) throw new Error(`${subject.name} refused an event (status ${result.status})`);
      return result;
    });
    const counted = subjects.map((subject) => (results.get(subject) ?? []).slice(WARM_UP_SAMPLES));
    const [ownTimes, otherTimes] = counted.map((own) => own.map(({ triggeredMs }) => triggeredMs));
    return subjects.map((subject, index) => {
      const own = counted[index] as TriggerResult[];
      const times = own.map(({ triggeredMs }) => triggeredMs);
      return {
        // A speed is one by the time: the other build's times come first.
        ...(other && index === 0 && { against: compare(otherTimes ?? [], ownTimes ?? []) }),
        subject: subject.name,
        samples: times.length,
        p50: percentile(times, 0.5),
        p99: percentile(times, 0.99),
        min: Math.min(...times),
        max: Math.max(...times),
        answeredP50: percentile(
          own.map(({ answeredMs }) => answeredMs),
          0.5,
        ),
      };
    });
  } finally {
    probe.close();
    await sleep(PAUSE_MS);
    await Promise.all(subjects.map((subject) => subject.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
}
