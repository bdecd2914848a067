import { isDeepStrictEqual } from "node:util";
import { callLimit } from "../github/repository-access.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { RepositoryRow } from "../store/schema.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { type PlaceScanParts, ScheduledScan } from "./place-scan.ts";
import { whatRenamed } from "./renamed.ts";
import { failureOf, settleInGroups } from "./settle-in-groups.ts";

const EVERY_MS = 60 * 60_000;
/** The part of an account's hourly calls that this scan may spend: 250 of 5,000. */
const SHARE = 0.05;
const PER_PAGE = 100;

export interface RepositoryScanOptions extends PlaceScanParts {
  /** Returns the lines of twinhook.yml that name a repository. */
  linesOf: (repositoryKey: string) => string;
}

/**
 * Records GitHub's id of each configured repository when it is first seen. Logs and alerts when a repository was renamed
 * or transferred, and when another one has taken its name.
 */
export class RepositoryScan {
  #o: RepositoryScanOptions;
  #scan: ScheduledScan<{ repository: string }>;
  /** The texts that were logged, so that they are not logged every hour. */
  #said = new Set<string>();

  constructor(options: RepositoryScanOptions) {
    this.#o = options;
    const { targets } = options;
    const places = new Map(targets.map(({ repository }) => [repositoryKey(repository), { repository }]));
    this.#scan = new ScheduledScan({
      ...options,
      name: "repositories",
      task: "the scan for renamed repositories",
      scan: (signal) => this.scan(signal),
      places,
      everyMs: EVERY_MS,
      share: SHARE,
    });
  }

  /** Makes all repositories due. */
  askAll(): void {
    this.#scan.askAll();
  }

  /** Scans all repositories now, and every hour from then on. */
  now(): void {
    this.#scan.now();
  }

  close(): Promise<void> {
    return this.#scan.close();
  }

  /** Scans the due repositories. Returns the error if some must be scanned again. */
  async scan(signal: AbortSignal): Promise<unknown> {
    const { store, clock, lease } = this.#o;
    const begun = clock.now();
    const due = await this.#scan.next();
    const rows = await store.read.selectFrom("repositories").selectAll().execute();
    const known = new Map(rows.map((row) => [row.name, row]));
    const settled = await settleInGroups(due, ({ key, place }) =>
      this.#see(key, place.repository, known.get(key), signal),
    );
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
    return due.every(({ place }) => seen.has(place)) ? undefined : failureOf(settled);
  }

  /** The repository with the id of `before`, and its name at GitHub. Another one may have the configured name by now. */
  async #see(
    name: string,
    repository: string,
    before: RepositoryRow | undefined,
    signal: AbortSignal,
  ): Promise<RepositoryRow> {
    const octokit = await this.#o.access.octokit(repository);
    // Without parameters the client asks for this very name. GitHub redirects from an old name to the new one.
    const { data } = await octokit.request(`GET /repos/${repository}`, { request: callLimit(signal) });
    const id = Number(data.id);
    if (before === undefined || before.id === id)
      return { name, id, full_name: data.full_name, taken_by: null };
    // GitHub finds no repository by its id, but lists the repositories of the installation.
    for (let page = 1; ; page++) {
      const listed = await octokit.request("GET /installation/repositories", {
        per_page: PER_PAGE,
        page,
        request: callLimit(signal),
      });
      const { repositories } = listed.data;
      const ours = repositories.find((one) => one.id === before.id);
      if (ours || repositories.length < PER_PAGE)
        return { ...before, full_name: ours?.full_name ?? before.full_name, taken_by: id };
    }
  }

  /** Records the found repository. Returns the text to log; null if nothing is wrong. */
  async #note(trx: Writer, store: StoreContext, row: RepositoryRow): Promise<string | null> {
    const { name } = row;
    const before = await trx
      .selectFrom("repositories")
      .selectAll()
      .where("name", "=", name)
      .executeTakeFirst();
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
