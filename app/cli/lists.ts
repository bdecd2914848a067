import type { Deployment, DeploymentStatus } from "../../shared/deployment.ts";
import type { DeliveryAnswer } from "../reads/answers/delivery.ts";
import { connect } from "./client.ts";
import { EXIT } from "./failure.ts";
import type { ListOptions } from "./options.ts";
import { orFromStore } from "./or-from-store.ts";
import { printJson, printTable, type Terminal } from "./terminal.ts";

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** `twinhook deployments`: a page of the deployments, newest first. */
export async function deployments(
  terminal: Terminal,
  options: ListOptions & { status?: DeploymentStatus; target?: string; environment?: string; sha?: string },
): Promise<number> {
  const { repository, status, target, environment, sha } = options;
  const filter = { repository, status, target, environment, sha };
  const page = await orFromStore<Page<Deployment>>(
    terminal,
    options,
    async () => (await connect(terminal, options)).ask(`/api/deployments?${query(options, filter)}`),
    async (config) =>
      (await import("./stored.ts")).storedDeployments(config, {
        filter,
        cursor: options.cursor,
        limit: Number(options.limit),
      }),
  );
  return show(terminal, options, page, {
    heading: ["ID", "STATUS", "REPOSITORY", "TARGET", "COMMIT", "RUN", "ACCEPTED", "HOSTS", "REASON"],
    row: (d) => [
      ...[d.id, d.status, d.repository, d.target, d.sha.slice(0, 12)],
      d.run_id === null ? "" : `${d.run_id}/${d.run_attempt}`,
      d.accepted_at,
      // Instances of an older release tell no hosts.
      (d.hosts ?? []).map(({ host, status }) => `${host} ${status}`).join(", "),
      d.reason,
    ],
  });
}

/** `twinhook deliveries`: a page of what arrived, newest first. */
export async function deliveries(
  terminal: Terminal,
  options: ListOptions & { guid?: string; event?: string; outcome?: string },
): Promise<number> {
  const { repository, guid, event, outcome } = options;
  const client = await connect(terminal, options);
  const page = await client.ask<Page<DeliveryAnswer>>(
    `/api/deliveries?${query(options, { repository, guid, event, outcome })}`,
  );
  return show(terminal, options, page, {
    heading: ["ID", "OUTCOME", "EVENT", "REPOSITORY", "RUN", "RECEIVED", "REASON"],
    row: (d) => [
      ...[d.id, d.outcome, d.event, d.repository],
      d.run_id === null ? "" : `${d.run_id}/${d.run_attempt}`,
      ...[d.received_at, d.reason],
    ],
  });
}

function query({ limit, cursor }: ListOptions, filter: Record<string, string | undefined>): URLSearchParams {
  const set = Object.entries({ per_page: limit, cursor, ...filter }).filter(
    ([, value]) => value !== undefined,
  );
  return new URLSearchParams(set as [string, string][]);
}

function show<T>(
  terminal: Terminal,
  { json }: ListOptions,
  page: Page<T>,
  { heading, row }: { heading: string[]; row: (item: T) => (string | null)[] },
): number {
  if (json) printJson(terminal, page);
  else {
    if (page.items.length > 0) printTable(terminal, heading, page.items.map(row));
    else terminal.note("there are none");
    if (page.next_cursor !== null && terminal.isInteractive)
      terminal.note(`there are more: --cursor ${page.next_cursor}`);
  }
  return EXIT.done;
}
