import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Acceptor } from "../../../app/accept/acceptor.ts";
import { systemClock } from "../../../app/clock.ts";
import { configWarnings } from "../../../app/config/load.ts";
import { Launcher } from "../../../app/run/launcher.ts";
import { identify, type ProcessIdentity } from "../../../app/run/process-identity.ts";
import { runNext } from "../../../app/run/run-next.ts";
import { RunRegistry } from "../../../app/run/run-registry.ts";
import { runArrival, testTarget } from "../../helpers/arrivals.ts";
import { newStore, temporaryDirectory } from "../../helpers/stores.ts";
import { ConfigFile, content } from "../../unit/config/config-file.ts";

/** How a deployment ends whose command is this script. */
async function deploy(script: string) {
  const store = await newStore("sqlite");
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "deploy.sh"), script, { mode: 0o755 });
  const target = testTarget({ run: ["./deploy.sh"], directory });
  const acceptor = new Acceptor({ store, clock: systemClock, instance: "primary", onQueued: () => {} });
  await acceptor.accept(runArrival(1, [target]));
  const registry = new RunRegistry(directory);
  const holder = registry.newHolder();
  const launcher = await Launcher.begin(registry.outputPipe(holder));
  registry.write({ holder, runner: identify(process.pid) as ProcessIdentity, command: launcher.identity });
  await runNext(
    {
      clock: systemClock,
      store,
      registry,
      lockDirectory: join(directory, "locks"),
      instance: "primary",
      host: "host-1",
      tell: () => {},
    },
    { type: "job", target, inherited: { PATH: process.env.PATH ?? "" }, secrets: [] },
    { holder, launcher },
  );
  return store.read.selectFrom("deployments").select(["exit_code", "reason"]).executeTakeFirstOrThrow();
}

/** What `--check` warns of where a target's command is this script. */
function warnings(script: string): string[] {
  const file = new ConfigFile(content());
  writeFileSync(join(file.folder, "site/deploy.sh"), script);
  return configWarnings(file.load()).filter((line) => line.startsWith("targets[0].run"));
}

describe.each([
  ["CRLF at its line ends", "#!/bin/sh\r\necho deployed\r\n", "its lines end in CRLF"],
  ["CRLF and no first line for the kernel", "no-such-command\r\n", "its lines end in CRLF"],
  ["an interpreter that is not there", "#!/opt/no/ruby -w\nputs 1\n", "is not there (/opt/no/ruby)"],
  [
    "one that is looked for in vain",
    "#!/usr/bin/env no-such-ruby\nputs 1\n",
    "is not there (no-such-ruby, along PATH)",
  ],
])("a script with %s", (_, script, cause) => {
  it("fails for that reason, which the deployment names", async () => {
    const { exit_code, reason } = await deploy(script);
    expect(exit_code).toBe(127);
    expect(reason).toContain(`the command exited with code 127: its `);
    expect(reason).toContain(cause);
  });

  it("is warned of", () => {
    expect(warnings(script)).toEqual([expect.stringContaining("./deploy.sh cannot run: its ")]);
    expect(warnings(script)[0]).toContain(cause);
  });
});

describe("a script that can run", () => {
  it.each([
    "#!/bin/sh -e\nexit 127\n",
    "#!/usr/bin/env sh\nexit 127\n",
    "#! /bin/sh\nexit 127\n",
    "exit 127\n",
  ])("is given no cause that is not there: %j", async (script) => {
    expect(await deploy(script)).toEqual({ exit_code: 127, reason: "the command exited with code 127" });
    expect(warnings(script)).toEqual([]);
  });
});
