import type { ConvertOptions } from "../convert/convert.ts";
import type { Answers } from "../host/init.ts";
import type { CommonOptions } from "../options.ts";
import type { Commands } from "./commands.ts";

/** Commands for this host: its instances, its configuration and its store. */
export function addHostCommands(commands: Commands): void {
  const { terminal } = commands;
  commands.does<CommonOptions & { instance?: string }>(
    commands
      .add(
        "start",
        "start the instances of this host, as the service does",
        "start",
        "start --instance backup",
      )
      .option("--instance <name>", "start this instance alone, in this process"),
    async ({ instance }) => {
      const { startService } = await import("../../service.ts");
      await startService(instance);
      return null;
    },
  );
  commands.does(
    commands.add(
      "check",
      "check twinhook.yml and the environment, and do nothing else",
      "check",
      "check --json",
    ),
    async (options) => (await import("../check.ts")).check(terminal, options),
  );
  commands.does(
    commands.add(
      "reload",
      "make every instance of this host take twinhook.yml and .env as they are now, without a pause",
      "reload",
    ),
    async (options) => (await import("../host/service.ts")).reload(terminal, options),
  );
  commands.does(
    commands.add(
      "restart",
      "start the instances of this host anew, one after the other; each hands over first, and starts from the release that the link leads to by now",
      "restart",
    ),
    async (options) => (await import("../host/service.ts")).restart(terminal, options),
  );
  commands.does(
    commands
      .add(
        "doctor",
        "examine the installation from the outside in, and say how to mend what is wrong",
        "doctor",
        "doctor --live",
      )
      .option("--live", "also let GitHub deliver one event again, and measure what it documents nowhere"),
    async (options) => (await import("../doctor/doctor.ts")).doctor(terminal, options),
  );
  commands.does<CommonOptions & { once?: boolean }>(
    commands
      .add("demo", "play failovers on this machine, with a simulated GitHub", "demo --once")
      .option("--once", "end when the story is over"),
    async ({ once }) => (await import("../demo.ts")).demo(once === true),
  );
  commands.does<CommonOptions & Answers & { yes?: boolean; force?: boolean }>(
    commands
      .add(
        "init",
        "write a first twinhook.yml, .env and workflow job into this folder; asks for what no option says",
        "init",
        "init --yes --primary https://deploy.example.com:9000 --admin octocat --repository acme/site",
      )
      .option("--primary <url>", "the public URL of the primary")
      .option("--backup <url>", "the public URL of the backup")
      .option("--store <store>", "sqlite:PATH or postgres://…")
      .option("--admin <login>", "the GitHub login that may change settings")
      .option("--repository <owner/name>", "the repository to deploy")
      .option("--environment <name>", "its environment")
      .option("--workflow <path>", "the workflow that must succeed first")
      .option("--run <command>", "the command that deploys")
      .option("--directory <folder>", "where it runs")
      .option("--yes", "ask nothing: take the default of what no option says")
      .option("--force", "replace the files; .env keeps what it has"),
    async (options) => (await import("../host/init.ts")).init(terminal, options),
  );
  commands.does<ConvertOptions>(
    commands
      .add(
        "convert <file>",
        "print the hooks of adnanh/webhook (hooks.json or .yaml) as targets of twinhook.yml; name what no target can have",
        "convert hooks.json --repository acme/site",
      )
      .option("--repository <owner/name>", "the repository of hooks whose rules name none")
      .option("--environment <name>", "the environment of all targets", "production")
      .option("--workflow <path>", "the workflow that must succeed first", ".github/workflows/ci.yml"),
    async (options, file = "") => (await import("../convert/convert.ts")).convert(terminal, file, options),
  );

  commands.does<CommonOptions & { force?: boolean }>(
    commands
      .add(
        "backup <file>",
        "copy the store into a file, while the instances run",
        "backup /var/backups/twinhook.db",
      )
      .option("--force", "replace the file"),
    async (options, file = "") => (await import("../backup.ts")).backup(terminal, file, options),
  );
  commands.does(
    commands.add(
      "restore <file>",
      "put a backup in the store's place; no instance may run",
      "restore /var/backups/twinhook.db",
    ),
    async (options, file = "") => (await import("../restore.ts")).restore(terminal, file, options),
  );
  commands.does(
    commands.add("migrate", "bring the store to the schema of this release, as a start does", "migrate"),
    async (options) => (await import("../migrate.ts")).migrateStore(terminal, options),
  );
}
