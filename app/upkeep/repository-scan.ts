import { isDeepStrictEqual } from "node:util";
import { callLimit, ownerAndName } from "../github/repository-access.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { RepositoryRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { PlaceScan, type PlaceScanParts } from "./place-scan.ts";
import { whatRenamed } from "./renamed.ts";
import { Scheduler, type Task } from "./scheduler.ts";
import { failureOf, settleInGroups } from "./settle-in-groups.ts";

const TASK: Task = { name: "the scan for renamed repositories", everyMs: 60 * 60_000 };
/** The part of an account's hourly calls that this scan may spend: 250 of 5,000. */
const SHARE = 0.05;

export interface RepositoryScanOptions extends PlaceScanParts {
  /** Returns the lines of twinhook.yml that name a repository. */
  linesOf: (repositoryKey: string) => string;
}

/** The repository that GitHub has under a configured name. */
interface Found {
  name: string;
  id: number;
  full_name: string;
}

/**
 * Records GitHub's id of each configured repository when it is first seen. Logs and alerts when a repository was renamed
 * or transferred, and when another one has taken its name.
 */
export class RepositoryScan {
  #o: RepositoryScanOptions;
  #scan: PlaceScan<{ repository: string }>;
  #scheduler: Scheduler<Task>;
  /** The texts that were logged, so that they are not logged every hour. */
  #said = new Set<string>();

  constructor(options: RepositoryScanOptions) {
    this.#o = options;
    const { clock, log, lease, targets } = options;
    const places = new Map(targets.map(({ repository }) => [repositoryKey(repository), { repository }]));
    this.#scan = new PlaceScan({
      ...options,
      name: "repositories",
      places,
      everyMs: TASK.everyMs,
      share: SHARE,
    });
    this.#scheduler = new Scheduler<Task>({
      tasks: [TASK],
      work: (_, signal) => this.look(signal),
      canRun: () => lease.held,
      clock,
      log,
    });
  }

  /** Makes all repositories due. */
  askAll(): void {
    this.#scan.askAll();
  }

  /** Scans all repositories now, and every hour from then on. */
  now(): void {
    this.askAll();
    void this.#scheduler.runNow();
  }

  close(): Promise<void> {
    return this.#scheduler.close();
  }

  /** Scans the due repositories. Returns the task with its error if some scans failed. */
  async look(signal: AbortSignal): Promise<ReadonlyMap<Task, unknown>> {
    const { clock, lease } = this.#o;
    const begun = clock.now();
    const due = await this.#scan.next();
    const settled = await settleInGroups(due, async ({ key, place }): Promise<Found> => {
      const octokit = await this.#o.access.octokit(place.repository);
      // GitHub redirects from an old name to the new one.
      const { data } = await octokit.request("GET /repos/{owner}/{repo}", {
        ...ownerAndName(place.repository),
        request: callLimit(signal),
      });
      return { name: key, id: Number(data.id), full_name: data.full_name };
    });
    signal.throwIfAborted();
    const seen = new Map<{ repository: string }, null>();
    const said: (string | null)[] = [];
    for (const one of settled) {
      const { status } = one.status === "rejected" ? (one.reason as { status?: number }) : {};
      // Other scans report a repository that GitHub does not show.
      if (one.status === "fulfilled" || status === 404) seen.set(one.item.place, null);
    }
    await lease.write(async (trx, store) => {
      for (const one of settled)
        if (one.status === "fulfilled") said.push(await this.#note(trx, store, one.value));
    });
    for (const text of said) {
      if (text === null) continue;
      if (!this.#said.has(text)) this.#o.log.warn(text);
      this.#said.add(text);
    }
    await this.#scan.done(due, seen, begun);
    return due.every(({ place }) => seen.has(place)) ? new Map() : new Map([[TASK, failureOf(settled)]]);
  }

  /** Records the found repository. Returns the text to log; null if nothing is wrong. */
  async #note(trx: Writer, store: StoreContext, found: Found): Promise<string | null> {
    const { name, id } = found;
    const before = await trx
      .selectFrom("repositories")
      .selectAll()
      .where("name", "=", name)
      .executeTakeFirst();
    const isOurs = before === undefined || before.id === id;
    const row: RepositoryRow = isOurs ? { ...found, taken_by: null } : { ...before, taken_by: id };
    const line = this.#o.linesOf(name);
    const said = whatRenamed(row, line);
    // A copy: rows of SQLite have no prototype.
    if (before && isDeepStrictEqual({ ...before }, row)) return said;
    await trx
      .insertInto("repositories")
      .values(row)
      .onConflict((c) => c.column("name").doUpdateSet(row))
      .execute();
    await store.notify(trx);
    if (said !== null)
      await raiseAlert(trx, store, {
        kind: "repository_renamed",
        state: "event",
        subject: name,
        facts: { name, now: row.full_name, id: row.id, takenBy: row.taken_by, line },
      });
    return said;
  }
}
