import type { Deployment, DeploymentStatus } from "../../shared/deployment.ts";
import { hostsInWords } from "../config/checks/hosts.ts";
import type { TargetAnswer } from "../reads/answers/target.ts";
import { type Client, connect, Refusal } from "./client.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { configOf } from "./settings.ts";
import { printJson, printTable, type Terminal } from "./terminal.ts";

/** A target, as far as commands show it. */
interface Target {
  repository: string;
  name: string;
  environment: string;
  live: { deployment: string; sha: string; ref: string; since: string | null; hosts?: string[] } | null;
  held?: { by: string; reason: string | null } | null;
  /** Older instances do not tell it. */
  approval?: "required" | "none" | null;
  queued: number;
  running: number;
  hosts?: TargetAnswer["hosts"];
}

/** `twinhook targets`: what is live on each target, and what waits. */
export async function targets(terminal: Terminal, options: CommonOptions): Promise<number> {
  const client = await connect(terminal, options);
  const list = await client.ask<{ items: Target[] }>("/api/targets").catch((error: unknown) => {
    if (error instanceof Refusal && error.status === 404) return fromDeployments(terminal, options, client);
    throw error;
  });
  if (options.json) printJson(terminal, { next_cursor: null, ...list });
  else
    printTable(
      terminal,
      [
        "REPOSITORY",
        "TARGET",
        "ENVIRONMENT",
        "LIVE",
        "SINCE",
        "ON",
        "HOSTS",
        "QUEUED",
        "RUNNING",
        "APPROVAL",
        "HELD",
      ],
      list.items.map(({ repository, name, environment, live, hosts, queued, running, approval, held }) => [
        ...[repository, name, environment, live?.sha.slice(0, 12), live?.since],
        ...[live?.hosts?.join(", "), hostsInWords(hosts ?? "any"), queued, running],
        approval === null ? "unknown" : approval,
        held ? `by ${held.by}${held.reason ? `: ${held.reason}` : ""}` : "",
      ]),
    );
  return EXIT.done;
}

/** The same from older instances, which have no list of targets: from the file, and their deployments. */
async function fromDeployments(
  terminal: Terminal,
  { url }: CommonOptions,
  client: Client,
): Promise<{ items: Target[] }> {
  if (url !== undefined)
    throw new CommandFailure(
      EXIT.failed,
      "this instance has an older release, which has no list of targets; run the command on its host without --url",
    );
  const { targets } = await configOf(terminal);
  const found = async (repository: string, target: string, status: DeploymentStatus, limit: string) => {
    const query = new URLSearchParams({ repository, target, status, per_page: limit });
    return (await client.ask<{ items: Deployment[] }>(`/api/deployments?${query}`)).items;
  };
  const items = targets.map(async ({ repository, name, environment }) => {
    const [[last], queued, running] = await Promise.all([
      found(repository, name, "succeeded", "1"),
      found(repository, name, "queued", "100"),
      found(repository, name, "running", "1"),
    ]);
    const live = last ? { deployment: last.id, sha: last.sha, ref: last.ref, since: last.finished_at } : null;
    return { repository, name, environment, live, queued: queued.length, running: running.length };
  });
  return { items: await Promise.all(items) };
}
