import type { Access } from "./app-identity.ts";
import type { Token } from "./tokens.ts";
import type { RepositoryRecord, World } from "./world.ts";

/** The sender of a request: the App itself, a token, or nobody. */
export type Caller = { kind: "app" } | { kind: "none" } | Token;

/** The facts of a request for a handler. */
export interface RouteContext {
  world: World;
  params: Record<string, string>;
  query: URLSearchParams;
  /** The JSON body, or the fields of a form. */
  body: Record<string, unknown>;
  headers: Record<string, string | undefined>;
  caller: Caller;
  /** This request's own URL without its query, for links to further pages. */
  self: string;
  /** The URL of the API's root as the caller sees it. */
  root: string;
  /** The repository in the path, which the caller may see. */
  repository: RepositoryRecord;
}

export interface Answer {
  status: number;
  /** Sent as JSON; a string is sent as it is. */
  body?: unknown;
  headers?: Record<string, string>;
}

export interface Route {
  method: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  /** As in GitHub's documentation: `/repos/{owner}/{repo}/hooks`. */
  path: string;
  /** `app`: only the App's JWT; `token`: only tokens; `none`: anyone. */
  auth: "app" | "token" | "none";
  /** The permission that a token needs. */
  permission?: readonly [name: string, access: Access];
  handle(context: RouteContext): Answer;
}

/** Finds routes by method and path. */
export class Router {
  readonly #routes: { route: Route; pattern: RegExp; names: string[] }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({
      route,
      names: [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name),
      pattern: new RegExp(`^${route.path.replace(/\./g, "\\.").replace(/\{\w+\}/g, "([^/]+)")}/?$`),
    }));
  }

  /** The route for a request and the values in its path, or undefined. */
  find(method: string, path: string): { route: Route; params: Record<string, string> } | undefined {
    for (const { route, pattern, names } of this.#routes) {
      if (route.method !== method) continue;
      const match = pattern.exec(path);
      if (!match) continue;
      const params = Object.fromEntries(
        names.map((name, i) => [name, decodeURIComponent(match[i + 1] ?? "")]),
      );
      return { route, params };
    }
    return undefined;
  }
}
