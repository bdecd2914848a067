import { repositoryKey } from "../store/repository-key.ts";

/** What a person may do with a repository: see what is deployed from it (push), or also cancel and retry (admin). */
export type Right = "push" | "admin";

/** Who looks, and what they may see and do: whoever holds the admin token, or a person who signed in with GitHub. */
export type Viewer =
  | { kind: "admin" }
  | {
      kind: "person";
      login: string;
      /** Whether they are named in `admins`: they may change settings and switch over. */
      operates: boolean;
      /** Their rights on the repositories that have a target, by `owner/name` in lower case. */
      rights: ReadonlyMap<string, Right>;
    };

/** Whether the viewer may see what concerns this repository. */
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
 * The only repositories (`owner/name` in lower case) that lists may show; null where there is no limit. Where it is
 * none, a name that no repository has: SQL knows no empty list.
 */
export function visibleRepositories(viewer: Viewer): string[] | null {
  if (viewer.kind === "admin") return null;
  return viewer.rights.size === 0 ? [""] : [...viewer.rights.keys()];
}

/** How the audit list and the pages call the viewer. */
export function nameOf(viewer: Viewer): string {
  return viewer.kind === "admin" ? "admin token" : viewer.login;
}
