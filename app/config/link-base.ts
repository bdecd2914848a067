import type { Config } from "./load.ts";

/** The path of a target's page. A name may hold any character, since the default is the environment's. */
export function targetPath(repository: string, name: string): string {
  return `/targets/${repository}/${encodeURIComponent(name)}`;
}

/**
 * The base of links to pages, without a slash at the end: `public_url`, else the door, else the preferred
 * instance. All instances use the same one, so that GitHub shows one link for a deployment.
 */
export function linkBase({
  public_url,
  door,
  instances,
}: Pick<Config, "public_url" | "door" | "instances">): string {
  return public_url ?? door?.url ?? (instances[0] as (typeof instances)[number]).url;
}
