import type { TargetConfig } from "../config/schema.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { RepositoryRow } from "../store/schema.ts";

/** Says what is wrong with a repository's name in twinhook.yml, and the line to correct; null if it is right. */
export function whatRenamed({ name, id, full_name, taken_by }: RepositoryRow, line: string): string | null {
  if (taken_by !== null)
    return `${name} is another repository at GitHub by now (id ${taken_by}), and its events are ignored; twinhook.yml means the one with the id ${id}, last called ${full_name}: correct ${line}`;
  if (repositoryKey(full_name) === name) return null;
  return `${name} is called ${full_name} at GitHub by now, and is deployed as before: correct ${line}`;
}

/** The lines that name a repository, such as `line 12 of twinhook.yml`. */
export function linesOf(
  key: string,
  {
    targets,
    written,
  }: {
    targets: readonly TargetConfig[];
    written: { line: (path: (string | number)[]) => number | undefined };
  },
): string {
  const lines = targets.flatMap(({ repository }, index) =>
    repositoryKey(repository) === key ? (written.line(["targets", index, "repository"]) ?? []) : [],
  );
  return `${lines.length === 1 ? "line" : "lines"} ${lines.join(", ")} of twinhook.yml`;
}
