import { repositoryKey } from "../store/repository-key.ts";
import { deploys, type TokenScope } from "./token-scopes.ts";

/** A person's right on a repository: see its deployments (push), or also cancel and retry them (admin). */
export type Right = "push" | "admin";

/** A signed-in person, or a holder of the admin token or of a named one, with the rights of each. */
export type Viewer =
  | { kind: "admin" }
  | { kind: "token"; name: string; scopes: readonly TokenScope[] }
  | {
      kind: "person";
      login: string;
      /** Whether `admins` names this person, who may then change settings and switch over. */
      operates: boolean;
      /** The person's rights on the repositories that have a target, by `owner/name` in lower case. */
      rights: ReadonlyMap<string, Right>;
    };

/** A viewer with a session. Named tokens open none. */
export type SessionViewer = Exclude<Viewer, { kind: "token" }>;

/** Whether the viewer may see this target; without a target: all of the repository. */
export function maySee(viewer: Viewer, repository: string, target?: string): boolean {
  switch (viewer.kind) {
    case "admin":
      return true;
    case "token":
      return mayInspect(viewer) || mayManage(viewer, repository, target);
    case "person":
      return viewer.rights.has(repositoryKey(repository));
  }
}

/** Whether the viewer may deploy, cancel and retry on this target; without a target: in all of the repository. */
export function mayManage(viewer: Viewer, repository: string, target?: string): boolean {
  switch (viewer.kind) {
    case "admin":
      return true;
    case "token":
      return mayOperate(viewer) || (target !== undefined && deploys(viewer.scopes, repository, target));
    case "person":
      return viewer.rights.get(repositoryKey(repository)) === "admin";
  }
}

/** Whether the viewer may change settings and switch over. */
export function mayOperate(viewer: Viewer): boolean {
  switch (viewer.kind) {
    case "admin":
      return true;
    case "token":
      return viewer.scopes.includes("admin");
    case "person":
      return viewer.operates;
  }
}

/** Whether the viewer may read what belongs to no repository, such as the metrics. */
export function mayInspect(viewer: Viewer): boolean {
  return mayOperate(viewer) || (viewer.kind === "token" && viewer.scopes.includes("read"));
}

/**
 * The only repositories (`owner/name` in lower case) that lists may show; null means no limit. For an empty
 * set, it returns a name that no repository has: SQL knows no empty list.
 */
export function visibleRepositories(viewer: Viewer): string[] | null {
  if (viewer.kind !== "person") return mayInspect(viewer) ? null : [""];
  return viewer.rights.size === 0 ? [""] : [...viewer.rights.keys()];
}

/** The viewer's name in the audit list and on the pages. */
export function nameOf(viewer: Viewer): string {
  switch (viewer.kind) {
    case "admin":
      return "admin token";
    case "token":
      return `token ${viewer.name}`;
    case "person":
      return viewer.login;
  }
}
