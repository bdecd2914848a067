import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { GitHub } from "../simulator/simulator.ts";
import { HelperProcess } from "./helper-process.ts";
import { planEvents } from "./payload.ts";
import { percentile } from "./statistics.ts";
import { findAdnanhWebhook, startAdnanhWebhook } from "./subjects/adnanh-webhook.ts";
import type { Subject } from "./subjects/subject.ts";
import { startTwinhook } from "./subjects/twinhook.ts";
import type { TriggerJob, TriggerResult } from "./trigger-process.ts";

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
}

/** Measures trigger times, one event at a time, the subjects taking turns. */
export async function measureTrigger(
  github: GitHub,
  { samples }: { samples: number },
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
    subjects.push(
      await startTwinhook(github, {
        name: "Twinhook, a new run each time",
        command: [command],
        queue: "all",
      }),
    );
    const binary = findAdnanhWebhook();
    if (binary)
      subjects.push(await startAdnanhWebhook(binary, { secret: github.app.webhookSecret, command }));
    else note("adnanh/webhook is left out: there is no `webhook` on the PATH");
    const results = new Map(subjects.map((subject) => [subject, [] as TriggerResult[]]));
    for (let sample = -WARM_UP_SAMPLES; sample < samples; sample++)
      for (const subject of subjects) {
        await sleep(PAUSE_MS);
        const result = await probe.ask({ plan: planEvents(subject.entrance, 1, 1), pipe });
        if (result.status > 299)
          throw new Error(`${subject.name} refused an event (status ${result.status})`);
        if (sample >= 0) results.get(subject)?.push(result);
      }
    return subjects.map((subject) => {
      const own = results.get(subject) as TriggerResult[];
      const times = own.map(({ triggeredMs }) => triggeredMs);
      return {
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
