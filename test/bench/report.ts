import type { AcceptResult } from "./accepts.ts";
import type { ActionTimes } from "./action.ts";
import { type ClaimResult, WAITING } from "./claims.ts";
import type { DashboardResult } from "./dashboard/dashboard.ts";
import { DELIVERIES, DEPLOYMENTS } from "./dashboard/fill-store.ts";
import type { FailoverTimes } from "./failover/failover.ts";
import type { IdleUsage } from "./idle.ts";
import { CONNECTIONS } from "./load-generator.ts";
import type { MemoryLook } from "./memory.ts";
import { BODY } from "./payload.ts";
import { type Comparison, type Spread, spread } from "./statistics.ts";
import { table } from "./table.ts";
import type { TriggerTimes } from "./trigger.ts";

/** The heading of the comparison with `--against`. Above 1 this build is the faster one. */
const AGAINST = "speed to the other build";

/** The accepts as a table, with what one must know to read it. */
export function describeAccepts(results: readonly AcceptResult[]): string {
  const rows = results.map(({ subject, perSecond, p50, p99, ratio, against, accepted, stored }) => [
    subject,
    withRange(perSecond, 0),
    withRange(p50, 1),
    withRange(p99, 1),
    withRange(ratio, 2),
    describeComparison(against),
    stored === null ? "nothing" : `${stored} of ${accepted}`,
  ]);
  return [
    `Accepts: ${CONNECTIONS} connections, ${BODY.length.toLocaleString("en")} bytes, every event with a fresh GUID; median (lowest to highest round)`,
    "",
    table(["", "events/s", "p50 ms", "p99 ms", "to bare Probot", AGAINST, "stored"], rows),
    "",
    "One run: every delivery is recorded, its deployment is known already. New runs: delivery, deployment and word",
    "for GitHub are recorded, and wait behind a deployment that goes on throughout. GitHub is away in this part:",
    "what it is to be told is recorded in the same commit, but not sent. Twinhook and Probot log from `warn` on.",
  ].join("\n");
}

/** The claims as a table. */
export function describeClaims(results: readonly ClaimResult[]): string {
  const rows = results.map(({ engine, waiting, none, ratio }) => [
    engine,
    withRange(waiting, 0),
    withRange(none, 0),
    describeComparison(ratio),
  ]);
  return [
    "Claims: of a target with `queue: all`, each one a durable commit; median (lowest to highest round)",
    "",
    table(["", `claims/s, ${WAITING.toLocaleString("en")} waiting`, "claims/s, none", "ratio"], rows),
  ].join("\n");
}

/** The trigger times as a table. */
export function describeTrigger(results: readonly TriggerTimes[]): string {
  const base = results.find(({ subject }) => subject === "adnanh/webhook");
  const rows = results.map(({ subject, samples, p50, p99, min, max, answeredP50, against }) => [
    subject,
    p50.toFixed(1),
    p99.toFixed(1),
    `${min.toFixed(1)} to ${max.toFixed(1)}`,
    answeredP50.toFixed(1),
    base ? (p50 / base.p50).toFixed(2) : "",
    describeComparison(against),
    String(samples),
  ]);
  const headings = [
    "",
    "p50 ms",
    "p99 ms",
    "range",
    "answered p50 ms",
    "p50 to adnanh/webhook",
    AGAINST,
    "samples",
  ];
  return [
    "Trigger: from sending the event to the first act of the command (a bash script that writes a byte), idle system",
    "",
    table(headings, rows),
  ].join("\n");
}

/** The Action's times as a table. */
export function describeAction(times: readonly ActionTimes[]): string {
  const rows = times.map(({ what, ms, ratio, steps }) => [
    what,
    withRange(ms, 0),
    withRange(ratio, 1),
    String(steps),
  ]);
  return [
    "Action: the committed bundle, started as a runner starts it, with default settings; median (lowest to highest)",
    "",
    table(["", "ms", "to a bare process", "steps"], rows),
  ].join("\n");
}

/** The memory as a table. */
export function describeMemory(looks: readonly MemoryLook[]): string {
  const firstOf = (name: string) =>
    looks.find(({ subject }) => subject === name)?.residentBytes ?? Number.NaN;
  const rows = looks.map(({ subject, events, residentBytes }) => [
    `${subject}, after ${events.toLocaleString("en")} events`,
    (residentBytes / 2 ** 20).toFixed(0),
    (residentBytes / firstOf(subject)).toFixed(2),
  ]);
  return ["Memory of the instance", "", table(["", "resident MiB", "to the first"], rows)].join("\n");
}

/** What idle pairs use, as a table. */
export function describeIdle(usages: readonly IdleUsage[]): string {
  const rows = usages.map(({ subject, processes, startCpuMs, cpuMsPerMinute, pssBytes }) => [
    subject,
    String(processes),
    (startCpuMs / 1000).toFixed(2),
    (cpuMsPerMinute / 1000).toFixed(2),
    (pssBytes / 2 ** 20).toFixed(0),
  ]);
  return [
    "An idle pair with all its processes, SQLite",
    "",
    table(["", "processes", "s of CPU to start", "s of CPU a minute", "PSS MiB"], rows),
  ].join("\n");
}

/** The failovers as a table. */
export function describeFailover(results: readonly FailoverTimes[]): string {
  const time = (values: readonly number[]) => {
    const { median, max } = spread(values);
    return values.length === 0 ? ["not measured", ""] : [median.toFixed(0), max.toFixed(0)];
  };
  const rows = results.map(({ fault, patch, haproxy, events, failed, deployed }) => [
    `${fault}, ${patch.length} rounds`,
    ...time(patch),
    ...time(haproxy),
    `${deployed} of ${events}`,
    String(failed),
  ]);
  return [
    "Failover: from the signal to the active instance until the new URL arrives at GitHub, which answers in 300 ms;",
    "beside it HAProxy (httpchk, inter 1s fall 3), until requests through it succeed again; an event every 50 ms",
    "",
    table(
      ["", "median ms", "max ms", "HAProxy median", "max", "deployed once, in order", "not delivered"],
      rows,
    ),
  ].join("\n");
}

/** The pages as a table, and the accepts beside an empty store's. */
export function describeDashboard({ pages, empty, full, ratio }: DashboardResult): string {
  const rows = pages.map(({ page, median, max, limitMs }) => [
    page,
    median.toFixed(1),
    max.toFixed(1),
    String(limitMs),
  ]);
  return [
    `Dashboard: ${DELIVERIES.toLocaleString("en")} deliveries and ${DEPLOYMENTS.toLocaleString("en")} deployments in the store (SQLite)`,
    "",
    table(["page", "median ms", "max ms", "at most"], rows),
    "",
    `Accepts: ${withRange(full, 0)} events/s, with an empty store ${withRange(empty, 0)}: ${withRange(ratio, 2)} of it`,
  ].join("\n");
}

function describeComparison(comparison: Comparison | undefined): string {
  if (!comparison) return "";
  const { ratio, low, high, verdict } = comparison;
  return `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}): ${verdict}`;
}

function withRange({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
}
