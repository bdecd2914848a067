import type { Deployment } from "../../shared/deployment.ts";
import type { TargetAnswer, TargetHoldAnswer } from "../reads/answers/target.ts";
import { printDeployment, untilEnded } from "./acts.ts";
import { type Client, connect } from "./client.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { printJson, printTable, type Terminal } from "./terminal.ts";

/** `twinhook rollback TARGET`: deploys an earlier commit again; done when it has succeeded. */
export async function rollback(
  terminal: Terminal,
  wanted: string,
  options: CommonOptions & { to: string; reason?: string; hold: boolean; force?: boolean },
): Promise<number> {
  const client = await connect(terminal, options);
  const { to, reason = "", hold, force = false } = options;
  const asked = await client.ask<Deployment>(`${await pathOf(client, wanted)}/rollback`, {
    method: "POST",
    body: { to, reason, hold, force },
  });
  const ended = await untilEnded(terminal, options, client, asked);
  printDeployment(terminal, options, ended);
  return ended.status === "succeeded" ? EXIT.done : EXIT.failed;
}

/** `twinhook hold TARGET --reason WHY`: from now on no run begins there. */
export async function hold(
  terminal: Terminal,
  wanted: string,
  options: CommonOptions & { reason: string; until?: string },
): Promise<number> {
  const client = await connect(terminal, options);
  const answer = await client.ask<TargetHoldAnswer>(`${await pathOf(client, wanted)}/hold`, {
    method: "POST",
    body: { reason: options.reason, until: options.until ?? null },
  });
  return show(terminal, options, answer);
}

/** `twinhook release TARGET`: the runs that wait there may begin. */
export async function release(terminal: Terminal, wanted: string, options: CommonOptions): Promise<number> {
  const client = await connect(terminal, options);
  const answer = await client.ask<TargetHoldAnswer>(`${await pathOf(client, wanted)}/hold`, {
    method: "DELETE",
  });
  return show(terminal, options, answer);
}

/**
 * The path of the target that is called `NAME`, or `OWNER/REPO:NAME`.
 * @throws {CommandFailure} 1 where there is none, 2 with all of them where there are several.
 */
async function pathOf(client: Client, wanted: string): Promise<string> {
  const [, repository, name] = /^(?:(.+):)?([^:]*)$/.exec(wanted) ?? [];
  const { items } = await client.ask<{ items: TargetAnswer[] }>("/api/targets");
  const found = items.filter(
    (target) =>
      target.name === name &&
      (repository === undefined || target.repository.toLowerCase() === repository.toLowerCase()),
  );
  const [target] = found;
  if (!target)
    throw new CommandFailure(
      EXIT.failed,
      `there is no target ${wanted}; \`twinhook targets\` lists all: ${items.map(fullName).join(", ") || "none"}`,
    );
  if (found.length > 1)
    throw new CommandFailure(
      EXIT.usage,
      `${wanted} is the name of several targets; name one of ${found.map(fullName).join(", ")}`,
    );
  return `/api/targets/${target.repository}/${encodeURIComponent(target.name)}`;
}

const fullName = ({ repository, name }: TargetAnswer) => `${repository}:${name}`;

function show(terminal: Terminal, { json }: CommonOptions, answer: TargetHoldAnswer): number {
  const { repository, target, held } = answer;
  if (json) printJson(terminal, answer);
  else
    printTable(
      terminal,
      ["REPOSITORY", "TARGET", "HELD BY", "UNTIL", "REASON"],
      [[repository, target, held?.by ?? "nobody", held?.until, held?.reason]],
    );
  return EXIT.done;
}
