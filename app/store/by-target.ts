import { repositoryKey } from "./repository-key.ts";

/**
 * Looks rows up by repository, in whatever case, and name of the target. A thousand targets with a thousand rows would
 * take long if each searched for its own.
 */
export function byTarget<Row extends { repository: string; target: string }>(
  rows: readonly Row[],
): (repository: string, target: string) => Row | undefined {
  const key = (repository: string, target: string) => `${repositoryKey(repository)} ${target}`;
  const known = new Map(rows.map((row) => [key(row.repository, row.target), row]));
  return (repository, target) => known.get(key(repository, target));
}
