import { setTimeout as sleep } from "node:timers/promises";
import type { StatusAnswer } from "../reads/answers/status.ts";
import { type Client, connect } from "./client.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** How long GitHub may take to name the new address. */
const LIMIT_MS = 60_000;
const PAUSE_MS = 250;

/** `twinhook switchover NAME`: done when GitHub delivers there. `--end` releases the pin. */
export async function switchover(
  terminal: Terminal,
  name: string | undefined,
  options: CommonOptions & { end?: boolean; reason?: string; force?: boolean },
): Promise<number> {
  const { end, reason, force } = options;
  if ((name === undefined) === (end !== true))
    throw new CommandFailure(EXIT.usage, "switchover: expected either the name of an instance or --end");
  const client = await connect(terminal, options);
  if (name !== undefined) {
    const names = (await client.ask<StatusAnswer>("/api/status")).endpoints.map((endpoint) => endpoint.name);
    if (!names.includes(name))
      throw new CommandFailure(
        EXIT.failed,
        `there is no instance named ${name}, only ${names.join(" and ")}`,
      );
  }
  await client.ask("/api/switchover", {
    ...(name === undefined ? { method: "DELETE" } : { method: "POST", body: { to: name, reason, force } }),
  });
  const status = await untilSo(terminal, client, name);
  const { active, pinned, webhook } = status;
  if (options.json) printJson(terminal, { active, pinned, webhook });
  else
    terminal.write(
      name === undefined
        ? `no instance is pinned; ${active} is active\n`
        : `${active} is active, and pinned\n`,
    );
  return EXIT.done;
}

async function untilSo(terminal: Terminal, client: Client, name: string | undefined): Promise<StatusAnswer> {
  const signal = terminal.interrupted();
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const status = await client.ask<StatusAnswer>("/api/status");
    const { active, pinned, webhook } = status;
    if (name === undefined ? pinned === null : pinned === name && active === name && webhook.in_sync)
      return status;
    const now = `${active} is active, ${pinned ?? "none"} is pinned, GitHub delivers to ${webhook.url}`;
    if (signal.aborted)
      throw new CommandFailure(
        EXIT.interrupted,
        `no longer waiting: ${now}; \`twinhook status\` shows what comes of it`,
      );
    if (performance.now() > until)
      throw new CommandFailure(
        EXIT.failed,
        `it is not so after ${LIMIT_MS / 1000} s: ${now}; the instances' log says why`,
      );
    terminal.progress(`${now} …`);
    await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
  }
}
