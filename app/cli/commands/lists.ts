import { InvalidArgumentError, Option } from "commander";
import { DEPLOYMENT_STATUSES } from "../../../shared/deployment.ts";
import type { CommonOptions, ListOptions } from "../options.ts";
import type { Commands } from "./commands.ts";

/** Commands that only show something. */
export function addListCommands(commands: Commands): void {
  const { terminal } = commands;
  const list = (usage: string, summary: string, ...examples: string[]) =>
    commands
      .add(usage, summary, ...examples)
      .option("--limit <number>", "how many to show, 1 to 100", pageSize, "30")
      .option("--cursor <cursor>", "go on where an earlier list ended (its next_cursor)")
      .option("--repository <owner/name>", "only those of this repository");
  commands.does<CommonOptions & { watch?: boolean }>(
    commands
      .add(
        "status",
        "show the instances, and where GitHub delivers",
        "status",
        "status --watch",
        "status --json",
      )
      .option("--watch", "show it again every 2 seconds, until Ctrl-C"),
    async (options) => (await import("../status.ts")).status(terminal, options),
  );
  commands.does(
    commands.add("targets", "show what is live on each target, and what waits", "targets"),
    async (options) => (await import("../targets.ts")).targets(terminal, options),
  );
  commands.does<ListOptions>(
    list("deployments", "list deployments, newest first", "deployments", "deployments --status failed --json")
      .addOption(new Option("--status <status>", "only these").choices(DEPLOYMENT_STATUSES))
      .option("--target <name>", "only those of this target")
      .option("--environment <name>", "only those of this environment")
      .option("--sha <sha>", "only those of this commit"),
    async (options) => (await import("../lists.ts")).deployments(terminal, options),
  );
  commands.does<ListOptions>(
    list(
      "deliveries",
      "list what arrived, and what became of it, newest first",
      "deliveries",
      "deliveries --outcome ignored --repository acme/site",
    )
      .option("--guid <guid>", "only this event of GitHub")
      .option("--event <event>", "only events of this kind")
      .option("--outcome <outcome>", "only those with this outcome"),
    async (options) => (await import("../lists.ts")).deliveries(terminal, options),
  );
  commands.does<CommonOptions & { follow?: boolean }>(
    commands
      .add("log <id>", "print the output of a deployment", "log dep_0123 -f")
      .option("-f, --follow", "go on until the deployment has ended"),
    async (options, id = "") => (await import("../log.ts")).log(terminal, id, options),
  );
}

function pageSize(text: string): string {
  if (!/^([1-9]\d?|100)$/.test(text))
    throw new InvalidArgumentError("expected a whole number from 1 to 100.");
  return text;
}
