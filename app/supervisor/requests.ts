import type { Logger } from "pino";
import { ConfigError, formatProblem, UNUSABLE } from "../config/problem.ts";
import { isAlive } from "../run/process-identity.ts";
import { type Outcome, readServiceRecord, writeServiceRecord } from "../run/service-record.ts";

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
    this.#note(null);
  }

  /** Does `work`, and returns why it was refused or failed: nothing, where it is done. */
  run(act: Outcome["act"], work: () => Promise<void>): Promise<readonly string[]> {
    const done = this.#last.then(async () => {
      const begunAt = Date.now();
      const { code, problems } = await outcomeOf(work);
      if (problems.length === 0) this.#log.info(`${act}: done`);
      else this.#log.error({ problems }, `${act}: refused or failed: ${problems.join("; ")}`);
      this.#note({ act, begunAt, code, problems });
      return problems;
    });
    this.#last = done;
    return done;
  }

  /** A full disk must not end the service: only the command that asks learns nothing. */
  #note(last: Outcome | null): void {
    try {
      const held = readServiceRecord(this.#stateDirectory, this.#name)?.process;
      // A second process of this name, which will not last, leaves the record to the first.
      if (held && held.pid !== process.pid && isAlive(held)) return;
      writeServiceRecord(this.#stateDirectory, this.#name, last);
    } catch (error) {
      this.#log.warn(
        { err: error },
        "the record of this process cannot be written, so `twinhook reload` does not find it; SIGHUP works all the same",
      );
    }
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
