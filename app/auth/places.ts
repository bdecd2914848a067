import type { Config } from "../config/load.ts";
import type { InstanceConfig } from "../config/schema.ts";

/** The base URLs by which people reach the instances. */
export interface Places {
  /** Such as `https://deploy.example.com:9000`, each once. */
  origins: readonly string[];
  /** The base URL by which a request came, without a slash at its end: the Host header decides among those configured. */
  baseOf(host: string | undefined): string;
}

/** Every configured URL at which an instance answers; `self` is this one. */
export function placesOf(
  config: Pick<Config, "instances" | "door" | "public_url">,
  self: InstanceConfig,
): Places {
  const bases = [self.url, config.public_url, config.door?.url, ...config.instances.map(({ url }) => url)];
  const urls = bases.filter((url) => typeof url === "string");
  return {
    origins: [...new Set(urls.map((url) => new URL(url).origin))],
    // A proxy may name another host to the instance: then its own URL is the best guess.
    baseOf: (host) => urls.find((url) => new URL(url).host === host?.toLowerCase()) ?? self.url,
  };
}
