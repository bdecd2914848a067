import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import { Refusal } from "./refusal.ts";

/**
 * What a named token may do: `read` reads everything, `admin` does everything, and `deploy:OWNER/REPO/TARGET` acts on
 * that target alone.
 */
export type TokenScope = "read" | "admin" | `deploy:${string}/${string}/${string}`;

/** The scopes as people write them, for messages. */
export const SCOPE_SYNTAX = "read, deploy:OWNER/REPO/TARGET or admin";

/** The scope that allows acting on this target. */
export function deployScope(repository: string, target: string): TokenScope {
  return `deploy:${repository}/${target}` as TokenScope;
}

/** Whether one of these scopes allows acting on this target. Repositories are compared without case. */
export function deploys(scopes: readonly TokenScope[], repository: string, target: string): boolean {
  return scopes.some((scope) => {
    const [, owner, name] = DEPLOY.exec(scope) ?? [];
    return owner !== undefined && repositoryKey(owner) === repositoryKey(repository) && name === target;
  });
}

/** A target's name may hold any character. */
const DEPLOY = /^deploy:([^/]+\/[^/]+)\/(.+)$/s;

/**
 * Reads scopes as people write them, and returns each once.
 * @throws {Refusal} invalid for an unknown scope, or one that names no configured target.
 */
export function readScopes(written: readonly string[], targets: readonly TargetConfig[]): TokenScope[] {
  return [...new Set(written.map((text) => readScope(text.trim(), targets)))];
}

function readScope(text: string, targets: readonly TargetConfig[]): TokenScope {
  if (text === "read" || text === "admin") return text;
  const [, repository, name] = DEPLOY.exec(text) ?? [];
  if (repository === undefined)
    throw new Refusal(
      "invalid",
      `scopes: expected ${SCOPE_SYNTAX}, got ${JSON.stringify(text.slice(0, 100))}`,
    );
  const target = targets.find(
    (one) => repositoryKey(one.repository) === repositoryKey(repository) && one.name === name,
  );
  if (target) return deployScope(target.repository, target.name);
  const all = targets.map((one) => deployScope(one.repository, one.name)).join(", ");
  throw new Refusal(
    "invalid",
    `scopes: twinhook.yml has no target for ${JSON.stringify(text.slice(0, 200))}; expected one of ${all || "none, since it has no targets"}`,
  );
}
