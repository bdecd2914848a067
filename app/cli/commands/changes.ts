import type { CommonOptions } from "../options.ts";
import type { Commands } from "./commands.ts";

/** Commands that change a deployment, a target, a token or the active instance. */
export function addChangeCommands(commands: Commands): void {
  const { terminal } = commands;
  commands.does(
    commands.add(
      "retry <id>",
      "run a failed or cancelled deployment again, and wait for its end",
      "retry dep_0123",
    ),
    async (options, id = "") => (await import("../acts.ts")).retry(terminal, id, options),
  );
  commands.does(
    commands.add("cancel <id>", "cancel a deployment, and wait for its end", "cancel dep_0123"),
    async (options, id = "") => (await import("../acts.ts")).cancel(terminal, id, options),
  );
  commands.does(
    commands.add("redeliver <id>", "judge a delivery again that deployed nothing", "redeliver del_0123"),
    async (options, id = "") => (await import("../acts.ts")).redeliver(terminal, id, options),
  );
  commands.does<CommonOptions & { to: string; reason?: string; hold: boolean; force?: boolean }>(
    commands
      .add(
        "rollback <target>",
        "deploy an earlier commit again, wait for its end, and hold the target",
        "rollback site",
        "rollback acme/site:site --to 3f2a1bc --reason 'the checkout is broken'",
      )
      .option("--to <what>", "previous, a deployment (dep_…) or a commit", "previous")
      .option("--reason <text>", "why, for those who read the dashboard")
      .option("--no-hold", "let newer runs be deployed after it")
      .option("--force", "also to a commit that never succeeded there"),
    async (options, target = "") => (await import("../target-acts.ts")).rollback(terminal, target, options),
  );
  commands.does<CommonOptions & { reason: string; until?: string }>(
    commands
      .add(
        "hold <target>",
        "let no run begin on a target until it is released",
        "hold site --reason 'the sale'",
      )
      .requiredOption("--reason <text>", "why, for those who read the dashboard")
      .option("--until <time>", "when the hold ends by itself, such as 2030-01-31T18:00:00Z"),
    async (options, target = "") => (await import("../target-acts.ts")).hold(terminal, target, options),
  );
  commands.does(
    commands.add("release <target>", "let the runs begin that a hold kept waiting", "release site"),
    async (options, target = "") => (await import("../target-acts.ts")).release(terminal, target, options),
  );
  const tokens = commands.group("token", "make, list and revoke named admin tokens");
  commands.does<CommonOptions & { scope: string[]; expires?: string }>(
    tokens
      .add(
        "create <name>",
        "make a token, and print it this once",
        "token create monitoring --scope read --expires 365d",
        "token create ci-bot --scope deploy:acme/site/production",
      )
      .requiredOption("--scope <scope...>", "what it may do: read, deploy:OWNER/REPO/TARGET or admin")
      .option("--expires <when>", "when it ends by itself: 90d, or a time (default: never)"),
    async (options, name = "") => (await import("../token.ts")).createToken(terminal, name, options),
  );
  commands.does(
    tokens.add("list", "list what each token may do, and its last use", "token list"),
    async (options) => (await import("../token.ts")).listTokens(terminal, options),
  );
  commands.does(
    tokens.add("revoke <name>", "refuse a token from now on", "token revoke ci-bot"),
    async (options, name = "") => (await import("../token.ts")).revokeToken(terminal, name, options),
  );
  commands.does<CommonOptions & { end?: boolean; reason?: string; force?: boolean }>(
    commands
      .add(
        "switchover [name]",
        "make GitHub deliver to this instance, and wait until it does",
        'switchover backup --reason "new disk in the primary"',
        "switchover --end",
      )
      .option("--end", "release the instance: the preferred one may recover")
      .option("--reason <text>", "why, for those who read the dashboard")
      .option("--force", "also where the instance is not healthy"),
    async (options, name) => (await import("../switchover.ts")).switchover(terminal, name, options),
  );
}
