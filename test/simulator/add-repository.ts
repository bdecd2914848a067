import { isoSeconds, stableId, stableSha } from "./stable-values.ts";
import type { RepositoryRecord, World } from "./world.ts";

/** The options of a new repository. */
export interface NewRepository {
  id?: number;
  /** Default `main`. */
  defaultBranch?: string;
  private?: boolean;
  /** False: the App is not installed on it. */
  installed?: boolean;
}

/** Adds a repository without any history. Repositories of one owner share an installation. */
export function addRepository(world: World, fullName: string, given: NewRepository = {}): RepositoryRecord {
  const [owner = "", name = ""] = fullName.split("/");
  const branch = given.defaultBranch ?? "main";
  const first = stableSha(`${fullName}@${branch}`);
  const repository: RepositoryRecord = {
    id: given.id ?? stableId(fullName),
    full_name: fullName,
    owner,
    name,
    default_branch: branch,
    private: given.private ?? false,
    installation_id:
      given.installed === false ? null : stableId(`installation of ${owner.toLowerCase()} at ${world.name}`),
    created_at: isoSeconds(world.clock.now()),
    branches: new Map([[branch, first]]),
    pushed: new Map([[branch, [first]]]),
    tags: new Map(),
    tagObjects: new Map(),
    environments: new Map(),
    runs: [],
    deployments: [],
    issues: [],
    hooks: [],
    collaborators: new Map([["octocat", "admin"]]),
  };
  world.repositories.set(fullName.toLowerCase(), repository);
  return repository;
}
