import { parseDuration } from "../../shared/duration.ts";
import type { TokenAnswer, TokenListAnswer, TokenMadeAnswer } from "../reads/answers/token.ts";
import { connect } from "./client.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions } from "./options.ts";
import { printJson, printTable, type Terminal } from "./terminal.ts";

/** `twinhook token create NAME --scope SCOPE`: prints the token, which no other command can show. */
export async function createToken(
  terminal: Terminal,
  name: string,
  options: CommonOptions & { scope: string[]; expires?: string },
): Promise<number> {
  const expires_at = options.expires === undefined ? null : endOf(options.expires);
  const client = await connect(terminal, options);
  const body = { name, scopes: options.scope, expires_at };
  const made = await client.ask<TokenMadeAnswer>("/api/tokens", { method: "POST", body });
  if (options.json) printJson(terminal, made);
  else {
    terminal.write(`${made.token}\n`);
    terminal.note(`keep the token ${name} now: it is not shown again`);
  }
  return EXIT.done;
}

/** `twinhook token list`: what each token may do, and when it was last used. */
export async function listTokens(terminal: Terminal, options: CommonOptions): Promise<number> {
  const list = await (await connect(terminal, options)).ask<TokenListAnswer>("/api/tokens");
  if (options.json) printJson(terminal, list);
  else if (list.items.length === 0) terminal.note("there are none");
  else show(terminal, list.items);
  return EXIT.done;
}

/** `twinhook token revoke NAME`: the token is refused from now on. */
export async function revokeToken(terminal: Terminal, name: string, options: CommonOptions): Promise<number> {
  const client = await connect(terminal, options);
  const revoked = await client.ask<TokenAnswer>(`/api/tokens/${encodeURIComponent(name)}`, {
    method: "DELETE",
  });
  if (options.json) printJson(terminal, revoked);
  else terminal.write(`the token ${name} is refused from now on\n`);
  return EXIT.done;
}

function show(terminal: Terminal, tokens: readonly TokenAnswer[]): void {
  printTable(
    terminal,
    ["NAME", "SCOPES", "MADE BY", "EXPIRES", "LAST USED"],
    tokens.map((token) => [
      token.name,
      token.scopes.join(" "),
      token.created_by,
      token.expires_at ?? "never",
      token.last_used_at ?? "never",
    ]),
  );
}

/** A length of time such as 90d from now, or a time. */
function endOf(written: string): string {
  if (/^\d{4}-/.test(written)) return written;
  try {
    return new Date(Date.now() + parseDuration(written)).toISOString();
  } catch {
    throw new CommandFailure(
      EXIT.usage,
      `--expires: expected a length of time such as 90d, or a time such as 2030-01-31T18:00:00Z, got ${written}`,
    );
  }
}
