import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";

/** The base URLs at which people reach the instances. */
export interface Places {
  /** Such as `https://deploy.example.com:9000`, without duplicates. */
  origins: readonly string[];
  /**
   * The base URL of a request, without a trailing slash. The Host header selects one of the configured URLs.
   */
  baseOf(host: string | undefined): string;
}

/** Every configured URL of an instance; `self` is this one. */
export function placesOf(
  config: Pick<Config, "instances" | "door" | "public_url">,
  self: InstanceConfig,
): Places {
  const bases = [self.url, config.public_url, config.door?.url, ...config.instances.map(({ url }) => url)];
  const urls = bases.filter((url) => typeof url === "string");
  return {
    origins: [...new Set(urls.map((url) => new URL(url).origin))],
    // A proxy may send another Host header; then the instance's own URL is the best guess.
    baseOf: (host) => urls.find((url) => new URL(url).host === host?.toLowerCase()) ?? self.url,
  };
}
