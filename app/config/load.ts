import { dirname, resolve } from "node:path";
import type { StoreAddress } from "../store/store.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { ConfigError } from "./problem.ts";
import { checkRules } from "./rules.ts";
import { configSchema, type FileConfig } from "./schema.ts";
import { YamlFile } from "./yaml-file.ts";

/** The whole configuration of an instance: the file, resolved, and the environment. */
export interface Config extends Omit<FileConfig, "store"> {
  /** The file that it came from. */
  file: string;
  store: StoreAddress;
  /** Where the host keeps its locks, its process registry and the output of running commands. */
  stateDirectory: string;
  environment: Environment;
}

/** The name of the configuration file where TWINHOOK_CONFIG names none. */
export const DEFAULT_FILE = "twinhook.yml";

/**
 * Reads the file and the environment. Relative paths in the file are relative to the file.
 * @throws {ConfigError} that lists every problem found.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const name = env.TWINHOOK_CONFIG || DEFAULT_FILE;
  const file = new YamlFile(name);
  const { environment, problems } = readEnvironment(env);
  const parsed = file.parse(configSchema);
  const folder = dirname(resolve(name));
  const config = parsed && {
    ...parsed,
    targets: parsed.targets.map((target) => ({ ...target, directory: resolve(folder, target.directory) })),
  };
  const all = [...file.problems, ...(config ? checkRules(config, file, env) : []), ...problems];
  if (!config || all.length > 0) throw new ConfigError(all);

  const store = storeAddress(environment.databaseUrl ?? config.store, folder);
  return {
    ...config,
    oidc: { ...config.oidc, issuer: environment.oidcIssuer ?? config.oidc.issuer },
    file: resolve(name),
    store,
    stateDirectory: store.engine === "sqlite" ? dirname(store.path) : resolve(folder, "data"),
    environment,
  };
}

function storeAddress(text: string, folder: string): StoreAddress {
  if (text.startsWith("sqlite:"))
    return { engine: "sqlite", path: resolve(folder, text.slice("sqlite:".length)) };
  return { engine: "postgres", url: text };
}

/** Warnings that do not keep an instance from starting, a line each. */
export function configWarnings(config: Config): string[] {
  const urls = [...config.instances.map((i) => i.url), ...(config.door ? [config.door.url] : [])];
  return urls
    .filter((url) => url.startsWith("http:") && !isLoopback(new URL(url).hostname))
    .map(
      (url) =>
        `${url} is not encrypted: no OIDC token is sent over it; use https:// (a proxy, or tls: {cert, key})`,
    );
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}
