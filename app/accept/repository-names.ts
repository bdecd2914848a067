import type { Clock } from "../clock.ts";
import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { RepositoryRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";

/** How often known names are read again. An event under a new name is recognised by its id. */
const READ_EVERY_MS = 60_000;

/** The key of a repository in twinhook.yml. Or the reason why a repository of that name is another one. */
export type KnownRepository = { key: string } | { foreign: string };

/**
 * Maps repositories at GitHub to names in twinhook.yml. A repository keeps its id when it is renamed or
 * transferred, and another one may take its old name. Until GitHub's id of a name is known, the name alone
 * counts.
 */
export class RepositoryNames {
  #configured: ReadonlySet<string>;
  #known = new Map<string, RepositoryRow>();

  constructor(targets: readonly TargetConfig[]) {
    this.#configured = new Set(targets.map(({ repository }) => repositoryKey(repository)));
  }

  /**
   * Reads the table now, and after each change until every id is known. After that it reads once a minute.
   */
  async follow(store: Store, clock: Clock, signal: AbortSignal): Promise<void> {
    let readAt = Number.NEGATIVE_INFINITY;
    const read = async () => {
      const isComplete = this.#known.size === this.#configured.size;
      if (isComplete && clock.monotonic() - readAt < READ_EVERY_MS) return;
      readAt = clock.monotonic();
      this.set(await store.read.selectFrom("repositories").selectAll().execute());
    };
    await read();
    const unwatch = store.onChange(() => void read().catch(() => {}));
    signal.addEventListener("abort", unwatch, { once: true });
  }

  set(rows: readonly RepositoryRow[]): void {
    for (const row of rows) if (this.#configured.has(row.name)) this.#known.set(row.name, row);
  }

  /** The repository of an event, or of GitHub's answer. */
  of({ id, full_name }: { id: number; full_name: string }): KnownRepository {
    const key = repositoryKey(full_name);
    const named = this.#known.get(key);
    if (named?.id === id) return { key };
    const own = [...this.#known.values()].find((row) => row.id === id);
    if (own) {
      own.full_name = full_name;
      return { key: own.name };
    }
    if (!named) return { key };
    return {
      foreign: `${full_name} is another repository by now (id ${id}), not the one in twinhook.yml (id ${named.id}, now ${named.full_name})`,
    };
  }

  /** The key of the repository with this name, either in twinhook.yml or at GitHub. */
  keyOf(fullName: string): string {
    const key = repositoryKey(fullName);
    if (this.#configured.has(key)) return key;
    const renamed = [...this.#known.values()].find((row) => repositoryKey(row.full_name) === key);
    return renamed?.name ?? key;
  }

  /** GitHub's present name of a repository with a target, as far as it is known; of others the same name. */
  nameOf(fullName: string): string {
    return this.#known.get(this.keyOf(fullName))?.full_name ?? fullName;
  }

  /** GitHub's id of a configured repository, by its key; undefined while it is not known. */
  idOf(key: string): number | undefined {
    return this.#known.get(key)?.id;
  }
}

/** Knows no ids, so that every repository is recognised by its name. */
export const NO_NAMES = new RepositoryNames([]);
