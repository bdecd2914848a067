import { repositoryKey } from "../store/repository-key.ts";

/** A person's right on a repository: see its deployments (push), or also cancel and retry them (admin). */
export type Right = "push" | "admin";

/** A signed-in person, or a holder of the admin token, with the rights of each. */
export type Viewer =
  | { kind: "admin" }
  | {
      kind: "person";
      login: string;
      /** Whether `admins` names this person, who may then change settings and switch over. */
      operates: boolean;
      /** The person's rights on the repositories that have a target, by `owner/name` in lower case. */
      rights: ReadonlyMap<string, Right>;
    };

/** Whether the viewer may see this repository. */
export function maySee(viewer: Viewer, repository: string): boolean {
  return viewer.kind === "admin" || viewer.rights.has(repositoryKey(repository));
}

/** Whether the viewer may deploy, cancel and retry in this repository. */
export function mayManage(viewer: Viewer, repository: string): boolean {
  return viewer.kind === "admin" || viewer.rights.get(repositoryKey(repository)) === "admin";
}

/** Whether the viewer may change settings and switch over. */
export function mayOperate(viewer: Viewer): boolean {
  return viewer.kind === "admin" || viewer.operates;
}

/**
 * The only repositories (`owner/name` in lower case) that lists may show; null means no limit. For an empty
 * set, it returns a name that no repository has: SQL knows no empty list.
 */
export function visibleRepositories(viewer: Viewer): string[] | null {
  if (viewer.kind === "admin") return null;
  return viewer.rights.size === 0 ? [""] : [...viewer.rights.keys()];
}

/** The viewer's name in the audit list and on the pages. */
export function nameOf(viewer: Viewer): string {
  return viewer.kind === "admin" ? "admin token" : viewer.login;
}
