import type { HostRunStatus } from "../../../shared/deployment.ts";
import type { DeploymentRecord } from "../../store/schema.ts";
import { inTurn, isDown, type Placement } from "./placement.ts";

/** The run of a deployment's command on one host, where it runs on all. Times are in ms. */
export interface HostRun {
  host: string;
  status: HostRunStatus;
  exit_code: number | null;
  started_at: number | null;
  finished_at: number | null;
}

const PENDING = { status: "pending", exit_code: null, started_at: null, finished_at: null } as const;

type WithHosts = Pick<DeploymentRecord, "hosts">;
type WithPlan = Pick<DeploymentRecord, "hosts" | "status">;

/** The runs of a deployment, host by host; none where it does not run on all hosts, or has never begun. */
export function hostRuns({ hosts }: WithHosts): HostRun[] {
  return hosts === null ? [] : (JSON.parse(hosts) as HostRun[]);
}

/**
 * The runs by today's configuration: hosts that came are pending, hosts that went are left out. A queued
 * deployment that no host is left to run is run by each again.
 */
export function planRuns(row: WithPlan, { rule, hosts }: Placement): HostRun[] {
  if (rule === "first") return [];
  const known = hostRuns(row);
  const runs = hosts.map(({ name: host }) => known.find((run) => run.host === host) ?? { host, ...PENDING });
  const isDone = row.status === "queued" && !runs.some(isPending);
  return isDone ? runs.map(({ host }) => ({ host, ...PENDING })) : runs;
}

/** The host whose turn it is to run this deployment; null where none is alive. */
export function turnOf(row: WithPlan, placement: Placement, down: ReadonlySet<string>): string | null {
  return inTurn(placement, candidatesOf(row, placement), down);
}

/** The hosts that may run this deployment, in order. */
export function candidatesOf(row: WithPlan, placement: Placement): string[] {
  if (placement.rule === "first") return placement.hosts.map(({ name }) => name);
  return planRuns(row, placement)
    .filter(isPending)
    .map(({ host }) => host);
}

/** The host on which a deployment runs now; null where it does not run on all hosts. */
export function runningHost(row: WithHosts): string | null {
  return hostRuns(row).find(({ status }) => status === "running")?.host ?? null;
}

/** Whether a deployment has ended on some hosts, and a next one has not begun yet. */
export function isBetweenHosts({ status, holder }: Pick<DeploymentRecord, "status" | "holder">): boolean {
  return status === "running" && holder === null;
}

/** The hosts of a deployment that it was passed over on. */
export function pendingHosts(row: WithHosts): string[] {
  return hostRuns(row)
    .filter(isPending)
    .map(({ host }) => host);
}

/** The hosts on which a deployment has succeeded. */
export function doneHosts(row: WithHosts): string[] {
  return hostRuns(row)
    .filter(({ status }) => status === "succeeded")
    .map(({ host }) => host);
}

/** The column after a run has begun on this host. */
export function begunOn(runs: readonly HostRun[], host: string, now: number): string | null {
  return changed(runs, (run) =>
    run.host === host ? { ...run, status: "running", started_at: now, finished_at: null } : run,
  );
}

/** The column after the run under way has ended. */
export function endedOn(
  row: WithHosts,
  ending: { status: HostRunStatus; exitCode: number | null },
  now: number,
): string | null {
  const { status, exitCode: exit_code } = ending;
  return changed(hostRuns(row), (run) =>
    run.status !== "running"
      ? run
      : status === "pending"
        ? { host: run.host, ...PENDING }
        : { ...run, status, exit_code, finished_at: now },
  );
}

/** The column before a retry: it goes on at the first host that did not succeed. */
export function againOn(row: WithHosts): string | null {
  return changed(hostRuns(row), (run) => (run.status === "succeeded" ? run : { host: run.host, ...PENDING }));
}

/** What comes after this host has succeeded: whether another host is to run it, and which are passed over. */
export function afterRun(row: WithHosts, placement: Placement, down: ReadonlySet<string>) {
  const left = pendingHosts(row).filter((host) => placement.hosts.some(({ name }) => name === host));
  const goesOn = inTurn(placement, left, down) !== null;
  return { goesOn, passedOver: left.filter((host) => isDown(placement, host, down)) };
}

/** How far a deployment has come, in words. */
export function describeRuns(row: WithHosts): string | null {
  const runs = hostRuns(row);
  const done = doneHosts(row);
  const now = runs.find(({ status }) => status === "running");
  const parts = [now && `on ${now.host}`, done.length > 0 && `done on ${done.join(", ")}`].filter(Boolean);
  return parts.length === 0 ? null : `${parts.join("; ")} (${done.length} of ${runs.length} hosts)`;
}

function isPending({ status }: HostRun): boolean {
  return status === "pending";
}

function changed(runs: readonly HostRun[], change: (run: HostRun) => HostRun): string | null {
  return runs.length === 0 ? null : JSON.stringify(runs.map(change));
}
