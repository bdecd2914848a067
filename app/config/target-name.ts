import type { TargetConfig } from "./schema.ts";

/** Whether two names mean the same environment: GitHub ignores case in them. */
export function isSameEnvironment(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether this name means the target. A target without a name of its own has its environment's. */
export function isNamed(
  { name, environment }: Pick<TargetConfig, "name" | "environment">,
  by: string,
): boolean {
  return name === by || (name === environment && isSameEnvironment(name, by));
}
