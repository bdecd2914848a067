import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { DEPLOYMENT_STATUSES } from "../../shared/deployment.ts";
import { VERSION } from "../version.ts";
import { CommandFailure, EXIT } from "./failure.ts";
import type { CommonOptions, ListOptions } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs a command and returns its exit code; null where the process is to go on, since it is an instance.
 * Every command loads its own modules: most of the time of a short command is loading.
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number | null> {
  let code: number | null = EXIT.done;
  const run = async (work: Promise<number | null>) => {
    code = await work;
  };
  try {
    await program(terminal, run).parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { name, message } = error as Error;
    terminal.note(`twinhook: ${message}`);
    if (error instanceof CommandFailure) return error.exitCode;
    // Not by its class, whose module would have to be loaded first.
    if (name === "ConfigError") return (await import("../config/problem.ts")).UNUSABLE;
    return EXIT.failed;
  }
}

type Run = (work: Promise<number | null>) => Promise<void>;

function program(terminal: Terminal, run: Run): Command {
  const program = new Command("twinhook")
    .description("Deployments that start even when the server that should start them is down.")
    .version(VERSION, "-v, --version")
    .option("--json", "print JSON")
    .option("--url <url>", "ask this instance (default: any instance of twinhook.yml that answers)")
    .option(
      "--token <token>",
      "the admin token or a named one (default: TWINHOOK_ADMIN_TOKEN, also from .env)",
    )
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.note(text.trimEnd()),
    })
    .showSuggestionAfterError()
    .showHelpAfterError("(--help shows how it is used)")
    .exitOverride();
  const commandsOf =
    (parent: Command) =>
    (usage: string, summary: string, ...examples: string[]) =>
      parent
        .command(usage)
        .description(summary)
        .addHelpText(
          "after",
          `\n${examples.length === 1 ? "Example" : "Examples"}:\n${examples.map((e) => `  $ twinhook ${e}`).join("\n")}`,
        );
  const command = commandsOf(program);
  const list = (usage: string, summary: string, ...examples: string[]) =>
    command(usage, summary, ...examples)
      .option("--limit <number>", "how many to show, 1 to 100", pageSize, "30")
      .option("--cursor <cursor>", "go on where an earlier list ended (its next_cursor)")
      .option("--repository <owner/name>", "only those of this repository");
  /** Runs a command's function with its arguments and all options. */
  const does = <O extends CommonOptions>(
    command: Command,
    work: (options: O, ...args: string[]) => Promise<number | null>,
  ) =>
    command.action((...given: unknown[]) => {
      const names = given.slice(0, -2) as string[];
      return run(work((given.at(-1) as Command).optsWithGlobals<O>(), ...names));
    });

  does<CommonOptions & { instance?: string }>(
    command(
      "start",
      "start the instances of this host, as the service does",
      "start",
      "start --instance backup",
    ).option("--instance <name>", "start this instance alone, in this process"),
    async ({ instance }) => {
      const { startService } = await import("../service.ts");
      await startService(instance);
      return null;
    },
  );
  does(
    command("check", "check twinhook.yml and the environment, and do nothing else", "check", "check --json"),
    async (options) => (await import("./check.ts")).check(terminal, options),
  );
  does<CommonOptions & { once?: boolean }>(
    command("demo", "play failovers on this machine, with a simulated GitHub", "demo --once").option(
      "--once",
      "end when the story is over",
    ),
    async ({ once }) => (await import("./demo.ts")).demo(once === true),
  );

  does<CommonOptions & { watch?: boolean }>(
    command(
      "status",
      "show the instances, and where GitHub delivers",
      "status",
      "status --watch",
      "status --json",
    ).option("--watch", "show it again every 2 seconds, until Ctrl-C"),
    async (options) => (await import("./status.ts")).status(terminal, options),
  );
  does(command("targets", "show what is live on each target, and what waits", "targets"), async (options) =>
    (await import("./targets.ts")).targets(terminal, options),
  );
  does<ListOptions>(
    list("deployments", "list deployments, newest first", "deployments", "deployments --status failed --json")
      .addOption(new Option("--status <status>", "only these").choices(DEPLOYMENT_STATUSES))
      .option("--target <name>", "only those of this target")
      .option("--environment <name>", "only those of this environment")
      .option("--sha <sha>", "only those of this commit"),
    async (options) => (await import("./lists.ts")).deployments(terminal, options),
  );
  does<ListOptions>(
    list(
      "deliveries",
      "list what arrived, and what became of it, newest first",
      "deliveries",
      "deliveries --outcome ignored --repository acme/site",
    )
      .option("--guid <guid>", "only this event of GitHub")
      .option("--event <event>", "only events of this kind")
      .option("--outcome <outcome>", "only those with this outcome"),
    async (options) => (await import("./lists.ts")).deliveries(terminal, options),
  );
  does<CommonOptions & { follow?: boolean }>(
    command("log <id>", "print the output of a deployment", "log dep_0123 -f").option(
      "-f, --follow",
      "go on until the deployment has ended",
    ),
    async (options, id = "") => (await import("./log.ts")).log(terminal, id, options),
  );

  does(
    command(
      "retry <id>",
      "run a failed or cancelled deployment again, and wait for its end",
      "retry dep_0123",
    ),
    async (options, id = "") => (await import("./acts.ts")).retry(terminal, id, options),
  );
  does(
    command("cancel <id>", "cancel a deployment, and wait for its end", "cancel dep_0123"),
    async (options, id = "") => (await import("./acts.ts")).cancel(terminal, id, options),
  );
  does(
    command("redeliver <id>", "judge a delivery again that deployed nothing", "redeliver del_0123"),
    async (options, id = "") => (await import("./acts.ts")).redeliver(terminal, id, options),
  );
  does<CommonOptions & { to: string; reason?: string; hold: boolean; force?: boolean }>(
    command(
      "rollback <target>",
      "deploy an earlier commit again, wait for its end, and hold the target",
      "rollback site",
      "rollback acme/site:site --to 3f2a1bc --reason 'the checkout is broken'",
    )
      .option("--to <what>", "previous, a deployment (dep_…) or a commit", "previous")
      .option("--reason <text>", "why, for those who read the dashboard")
      .option("--no-hold", "let newer runs be deployed after it")
      .option("--force", "also to a commit that never succeeded there"),
    async (options, target = "") => (await import("./target-acts.ts")).rollback(terminal, target, options),
  );
  does<CommonOptions & { reason: string; until?: string }>(
    command(
      "hold <target>",
      "let no run begin on a target until it is released",
      "hold site --reason 'the sale'",
    )
      .requiredOption("--reason <text>", "why, for those who read the dashboard")
      .option("--until <time>", "when the hold ends by itself, such as 2030-01-31T18:00:00Z"),
    async (options, target = "") => (await import("./target-acts.ts")).hold(terminal, target, options),
  );
  does(
    command("release <target>", "let the runs begin that a hold kept waiting", "release site"),
    async (options, target = "") => (await import("./target-acts.ts")).release(terminal, target, options),
  );
  const tokenCommand = commandsOf(
    program.command("token").description("make, list and revoke named admin tokens"),
  );
  does<CommonOptions & { scope: string[]; expires?: string }>(
    tokenCommand(
      "create <name>",
      "make a token, and print it this once",
      "token create monitoring --scope read --expires 365d",
      "token create ci-bot --scope deploy:acme/site/production",
    )
      .requiredOption("--scope <scope...>", "what it may do: read, deploy:OWNER/REPO/TARGET or admin")
      .option("--expires <when>", "when it ends by itself: 90d, or a time (default: never)"),
    async (options, name = "") => (await import("./token.ts")).createToken(terminal, name, options),
  );
  does(tokenCommand("list", "list what each token may do, and its last use", "token list"), async (options) =>
    (await import("./token.ts")).listTokens(terminal, options),
  );
  does(
    tokenCommand("revoke <name>", "refuse a token from now on", "token revoke ci-bot"),
    async (options, name = "") => (await import("./token.ts")).revokeToken(terminal, name, options),
  );
  does<CommonOptions & { end?: boolean; reason?: string; force?: boolean }>(
    command(
      "switchover [name]",
      "make GitHub deliver to this instance, and wait until it does",
      'switchover backup --reason "new disk in the primary"',
      "switchover --end",
    )
      .option("--end", "release the instance: the preferred one may recover")
      .option("--reason <text>", "why, for those who read the dashboard")
      .option("--force", "also where the instance is not healthy"),
    async (options, name) => (await import("./switchover.ts")).switchover(terminal, name, options),
  );

  does<CommonOptions & { force?: boolean }>(
    command(
      "backup <file>",
      "copy the store into a file, while the instances run",
      "backup /var/backups/twinhook.db",
    ).option("--force", "replace the file"),
    async (options, file = "") => (await import("./backup.ts")).backup(terminal, file, options),
  );
  does(
    command(
      "restore <file>",
      "put a backup in the store's place; no instance may run",
      "restore /var/backups/twinhook.db",
    ),
    async (options, file = "") => (await import("./restore.ts")).restore(terminal, file, options),
  );
  does(
    command("migrate", "bring the store to the schema of this release, as a start does", "migrate"),
    async (options) => (await import("./migrate.ts")).migrateStore(terminal, options),
  );
  return program;
}

function pageSize(text: string): string {
  if (!/^([1-9]\d?|100)$/.test(text))
    throw new InvalidArgumentError("expected a whole number from 1 to 100.");
  return text;
}
