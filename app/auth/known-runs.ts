import type { ParsedRequest } from "../accept/deployment-request.ts";
import { readRun } from "../github/requested-run.ts";
import { RUN_KEY } from "../store/delivery-key.ts";
import type { Store } from "../store/store.ts";
import { type AskGitHub, askGitHub } from "./ask-github.ts";
import { Refusal } from "./refusal.ts";

/** The Action waits 2 s for an answer, so GitHub gets less. */
const LOOK_UP_MS = 1_000;
/**
 * GitHub counts run ids upwards across all repositories. From the first one (late 2018) to 9,532,088,543
 * (June 2024), the average was below 60 a second.
 */
const MOST_IDS_PER_S = 1_000;
const FIRST_RUN_AT = Date.UTC(2018, 9, 16);
/** The clocks of the store and of the server that recorded an event may differ by this much. */
const CLOCKS_DIFFER_MS = 3_600_000;
/** GitHub runs a run again at most 50 times: https://docs.github.com/en/actions/reference/limits */
const MOST_ATTEMPTS = 100;

interface RunAttempt {
  run_id: number;
  run_attempt: number;
}

/**
 * Checks that a run exists when only a delivery secret vouches for it. A request raises its target's
 * high-water mark. A made-up run id from the far future would supersede every later run. So a run that no
 * GitHub event has named is looked up at GitHub.
 */
export class KnownRuns {
  #store: Store;
  #github: AskGitHub;

  constructor(store: Store, github: AskGitHub) {
    this.#store = store;
    this.#github = github;
  }

  /**
   * Refuses a request for runs that GitHub does not know. While GitHub is unreachable, runs pass that it may
   * have created since its newest event. So the Action works without GitHub's API.
   * @throws {Refusal} forbidden when GitHub has no such run; 503 when GitHub is unreachable and the run id is
   * too high.
   */
  async require({ repository, run_id, run_attempt, via }: ParsedRequest): Promise<void> {
    // A first attempt of the asking run retries nothing, so it needs no check.
    const asking = via && via.run_attempt > 1 ? via : undefined;
    const asked = [{ run_id, run_attempt }, asking].filter(
      (run): run is RunAttempt => run?.run_id !== undefined,
    );
    for (const run of asked) if (!(await this.#wasTold(run))) await this.#lookUp(repository, run);
  }

  /** Whether an event named this run attempt, or a later run of any repository. */
  async #wasTold({ run_id, run_attempt }: RunAttempt): Promise<boolean> {
    if (run_attempt === 1) return run_id <= (await this.#newest()).runId;
    const told = await this.#store.read
      .selectFrom("deliveries")
      .select("id")
      .where(RUN_KEY, "=", run_id)
      .where("event", "=", "workflow_run")
      .where("run_attempt", ">=", run_attempt)
      .limit(1)
      .executeTakeFirst();
    return told !== undefined;
  }

  async #newest(): Promise<{ runId: number; at: number }> {
    const row = await this.#store.read
      .selectFrom("deliveries")
      .select(["run_id", "received_at"])
      .where("event", "=", "workflow_run")
      .where("run_id", "is not", null)
      .orderBy(RUN_KEY, "desc")
      .limit(1)
      .executeTakeFirst();
    return { runId: row?.run_id ?? 0, at: row?.received_at ?? FIRST_RUN_AT };
  }

  async #lookUp(repository: string, run: RunAttempt): Promise<void> {
    const limit = AbortSignal.timeout(LOOK_UP_MS);
    const tooLate = new Promise<never>((_, reject) => {
      limit.addEventListener("abort", () => reject(limit.reason));
    });
    try {
      const found = await askGitHub(this.#github, { repository, refused: "forbidden" }, () =>
        Promise.race([this.#read(repository, run, limit), tooLate]),
      );
      if (found) return;
    } catch (error) {
      if (await this.#isPlausible(run)) return;
      throw error;
    }
    throw new Refusal(
      "forbidden",
      `run_id: GitHub has no attempt ${run.run_attempt} of the run ${run.run_id} in ${repository}; ask for the run that is to be deployed`,
    );
  }

  async #read(repository: string, run: RunAttempt, limit: AbortSignal) {
    return readRun(await this.#github.access.octokit(repository), { repository, ...run }, limit);
  }

  async #isPlausible({ run_id, run_attempt }: RunAttempt): Promise<boolean> {
    const newest = await this.#newest();
    const now = await this.#store.now(this.#store.read);
    const sinceMs = Math.max(0, now - newest.at) + CLOCKS_DIFFER_MS;
    return run_attempt <= MOST_ATTEMPTS && run_id <= newest.runId + (sinceMs / 1000) * MOST_IDS_PER_S;
  }
}
