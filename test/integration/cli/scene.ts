import { onTestFinished } from "vitest";
import { runCommand } from "../../../app/cli/program.ts";
import type { Deployment } from "../../../shared/deployment.ts";
import { RecordedTerminal } from "../../helpers/recorded-terminal.ts";
import { TestHost, type TestHostOptions } from "../../helpers/test-host.ts";
import { type GitHub, startGitHub } from "../../simulator/simulator.ts";

/** A host without running instances, and a command line on it. */
export async function setScene(options: Partial<TestHostOptions> = {}) {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  github.addRepository("acme/site");
  const host = await TestHost.create({ github, ...options });
  onTestFinished(() => host.close());
  const terminal = (env: NodeJS.ProcessEnv = {}, isInteractive = false) =>
    new RecordedTerminal({ ...host.env, ...env }, { isInteractive });
  return {
    github,
    host,
    terminal,
    /** Runs a command; returns its exit code and what it printed. */
    async twinhook(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
      const shown = terminal(env);
      const code = await runCommand(args, shown);
      return { code, out: shown.out, err: shown.err };
    },
    /** The same with `--json`. */
    async json<T>(...args: string[]): Promise<T> {
      const shown = terminal();
      const code = await runCommand([...args, "--json"], shown);
      if (code !== 0) throw new Error(`exit code ${code}: ${shown.err}`);
      return shown.json as T;
    },
    deploy: () => deploy(github, host),
  };
}

/** Sends the event of a completed run to the primary; returns its deployment. */
export async function deploy(github: GitHub, host: TestHost): Promise<Deployment> {
  const { event } = github.completeRun({ repository: "acme/site", send: false });
  const answer = await host.sendEvent("primary", event);
  const { deployments } = (await answer.json()) as { deployments: { id: string }[] };
  return host.deployment("primary", deployments[0]?.id ?? "", () => true);
}
