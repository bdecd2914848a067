import type { TargetConfig } from "./schema.ts";

/** Whether two names are of one environment: GitHub ignores case in them. */
export function isSameEnvironment(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Whether a target is meant by this name. A target without a name of its own has its environment's. */
export function isNamed(
  { name, environment }: Pick<TargetConfig, "name" | "environment">,
  by: string,
): boolean {
  return name === by || (name === environment && isSameEnvironment(name, by));
}
