import type { Logger } from "pino";
import { ConfigError, formatProblem, UNUSABLE } from "../config/problem.ts";
import { type Outcome, writeServiceRecord } from "../run/service-record.ts";

/** The exit code of a command whose work failed. */
const FAILED = 1;

/**
 * Carries out what this process is asked to do while it runs, one request after the other. It notes what became of
 * each, for the log and for the command that asked.
 */
export class Requests {
  #stateDirectory: string;
  #name: string;
  #log: Logger;
  #last: Promise<unknown> = Promise.resolve();

  /** `name` is that of this process's record. */
  constructor(options: { stateDirectory: string; name: string; log: Logger }) {
    this.#stateDirectory = options.stateDirectory;
    this.#name = options.name;
    this.#log = options.log;
    writeServiceRecord(this.#stateDirectory, this.#name);
  }

  /** Does `work`, and returns why it was refused or failed: nothing, where it is done. */
  run(act: Outcome["act"], work: () => Promise<void>): Promise<readonly string[]> {
    const done = this.#last.then(async () => {
      const begunAt = Date.now();
      const { code, problems } = await outcomeOf(work);
      if (problems.length === 0) this.#log.info(`${act}: done`);
      else this.#log.error({ problems }, `${act}: refused or failed: ${problems.join("; ")}`);
      writeServiceRecord(this.#stateDirectory, this.#name, { act, begunAt, code, problems });
      return problems;
    });
    this.#last = done.catch((error) =>
      this.#log.error({ err: error }, `${act}: its outcome cannot be noted`),
    );
    return done;
  }
}

async function outcomeOf(work: () => Promise<void>): Promise<{ code: number; problems: string[] }> {
  try {
    await work();
    return { code: 0, problems: [] };
  } catch (error) {
    if (error instanceof ConfigError) return { code: UNUSABLE, problems: error.problems.map(formatProblem) };
    return { code: FAILED, problems: [(error as Error).message] };
  }
}
