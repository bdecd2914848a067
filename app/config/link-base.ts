import type { Config } from "./load.ts";

/**
 * Where links to pages begin, without a slash at the end. It is the same at every instance, so that what GitHub shows
 * of a deployment stays one link: `public_url`, else the door, else the preferred instance.
 */
export function linkBase({
  public_url,
  door,
  instances,
}: Pick<Config, "public_url" | "door" | "instances">): string {
  return public_url ?? door?.url ?? (instances[0] as (typeof instances)[number]).url;
}
