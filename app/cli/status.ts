import { setTimeout as sleep } from "node:timers/promises";
import type { StatusAnswer } from "../reads/answers/status.ts";
import { connect } from "./client.ts";
import { EXIT, NoInstanceError } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { orFromStore } from "./or-from-store.ts";
import { ClosedPipe, printJson, printTable, type Terminal } from "./terminal.ts";

const WATCH_MS = 2_000;

/** What is shown: an instance's answer, or what the store holds where none answers. */
type Shown = Omit<StatusAnswer, "instance"> & { instance: string | null };

/** `twinhook status`: the instances, and where GitHub delivers. */
export async function status(
  terminal: Terminal,
  options: CommonOptions & { watch?: boolean },
): Promise<number> {
  const read = (note: boolean) =>
    orFromStore<Shown>(
      terminal,
      options,
      async () => (await connect(terminal, options)).ask<StatusAnswer>("/api/status"),
      async (config) => (await import("./stored.ts")).storedStatus(config),
      note,
    );
  if (!options.watch) {
    show(terminal, options, await read(true));
    return EXIT.done;
  }
  const signal = terminal.interrupted();
  while (!signal.aborted) {
    try {
      const shown = await read(false);
      // Above the last one, as `watch` does.
      if (terminal.isInteractive && !options.json) terminal.write("\u001b[H\u001b[J");
      show(terminal, options, shown);
    } catch (error) {
      if (!(error instanceof NoInstanceError)) throw error;
      terminal.note(error.message);
    }
    await sleep(WATCH_MS, undefined, { signal }).catch(() => {});
  }
  return signal.reason instanceof ClosedPipe ? EXIT.done : EXIT.interrupted;
}

function show(terminal: Terminal, { json }: CommonOptions, status: Shown): void {
  if (json) {
    printJson(terminal, status);
    return;
  }
  const { endpoints, active, pinned, controller, webhook, queue, last_failover: last } = status;
  printTable(
    terminal,
    ["INSTANCE", "STATUS", "ROLE", "SUCCESS", "MEAN", "URL", "REASON"],
    endpoints.map((endpoint) => [
      endpoint.name,
      status.instance === null ? "no answer" : endpoint.status,
      [
        endpoint.name === active ? "active" : "",
        endpoint.name === controller ? "controller" : "",
        endpoint.name === pinned ? "pinned" : "",
      ]
        .filter((role) => role !== "")
        .join(", "),
      endpoint.success_rate === null ? "" : `${endpoint.success_rate} %`,
      endpoint.avg_response_time_ms === null ? "" : `${endpoint.avg_response_time_ms} ms`,
      endpoint.url,
      endpoint.status === "healthy" || status.instance === null ? "" : endpoint.reason,
    ]),
  );
  printTable(
    terminal,
    ["", ""],
    [
      ["webhook", `${webhook.url ?? "not read yet"}${webhook.in_sync ? "" : " (not as decided)"}`],
      ["queue", `${queue.queued} queued, ${queue.running} running`],
      [
        "last failover",
        last === null
          ? "none"
          : `${last.kind} from ${last.from} to ${last.to} at ${last.decided_at}: ${last.reason}`,
      ],
      ["last catch-up", status.catch_up.last_run_at ?? "none"],
      ["version", `${status.version} (${status.instance ?? "read from the store"})`],
    ],
  );
}
