import { dirname, resolve } from "node:path";
import { closest } from "fastest-levenshtein";
import type { z } from "zod";
import { scriptFault } from "./checks/script-fault.ts";
import { describeKey } from "./describe-value.ts";
import { addEnvFile, ENV_FILE } from "./environment/env-file.ts";
import { type Environment, missingCredentials, readEnvironment } from "./environment/environment.ts";
import { ConfigError } from "./problem.ts";
import { type Checkable, checkRules } from "./rules.ts";
import {
  configSchema,
  type FileConfig,
  GITHUB_OIDC_ISSUER,
  type InstanceConfig,
  type TargetConfig,
} from "./schema.ts";
import { shortSecrets } from "./secret-values.ts";
import { isStoreAddress, parseStoreAddress, type StoreAddress } from "./store-address.ts";
import { WORKFLOW_EVENTS } from "./workflow-events.ts";
import { YamlFile } from "./yaml-file.ts";

/** The whole configuration of an instance: the resolved file, and the environment. */
export interface Config extends Omit<FileConfig, "store"> {
  /** The path of the file. */
  file: string;
  store: StoreAddress;
  /** The directory of the host's locks, its process registry and the output of running commands. */
  stateDirectory: string;
  environment: Environment;
  /** The file's contents and lines as written. */
  written: Pick<YamlFile, "content" | "line">;
}

/** The default name of the configuration file, without TWINHOOK_CONFIG. */
export const DEFAULT_FILE = "twinhook.yml";

/**
 * Reads the file and the environment. Relative paths in the file are relative to the file.
 * @throws {ConfigError} that lists every problem found.
 */
export function loadConfig(env: NodeJS.ProcessEnv): Config {
  const name = env.TWINHOOK_CONFIG || DEFAULT_FILE;
  const folder = dirname(resolve(name));
  const file = new YamlFile(name);
  const { environment, problems } = readEnvironment(env);
  const parsed = file.parse(configSchema);
  const broken = checkRules(checkable(parsed ?? fittingParts(file.content), environment, folder), file, env);
  const inFile = [...file.problems, ...broken].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  if (!parsed || inFile.length > 0 || problems.length > 0) {
    // Report missing credentials together with the other problems, so that one correction is enough.
    const missing = missingCredentials(environment).filter(
      ({ key }) => !problems.some((problem) => problem.key.startsWith(key)),
    );
    throw new ConfigError([...inFile, ...problems, ...missing]);
  }

  const store = parseStoreAddress(environment.databaseUrl ?? parsed.store, folder);
  return {
    ...parsed,
    instances: parsed.instances.map((instance) => instanceFrom(folder, instance)),
    targets: parsed.targets.map((target) => targetFrom(folder, target)),
    oidc: { ...parsed.oidc, issuer: oidcIssuer(environment, parsed.oidc.issuer) },
    file: resolve(name),
    store,
    stateDirectory: stateDirectoryOf(store, folder),
    environment,
    written: file,
  };
}

/**
 * Reads what the service starts with: `base` is its environment before `.env` adds to it.
 * @throws {ConfigError} that lists every problem found, missing credentials among them.
 */
export function loadService(base: NodeJS.ProcessEnv): { config: Config; env: NodeJS.ProcessEnv } {
  const env = { ...base };
  addEnvFile(env, ENV_FILE);
  const config = loadConfig(env);
  const missing = missingCredentials(config.environment);
  if (missing.length > 0) throw new ConfigError(missing);
  return { config, env };
}

type Parts = ReturnType<typeof fittingParts>;

/** The parts of the file with the right shape. So the rules can be checked even if other parts are wrong. */
function fittingParts(content: unknown) {
  const { shape } = configSchema;
  const file = (typeof content === "object" ? content : null) as Record<string, unknown> | null;
  const part = <S extends z.ZodType>(schema: S, value: unknown): z.output<S> | undefined =>
    schema.safeParse(value).data;
  const list = <S extends z.ZodType>(schema: S, value: unknown): (z.output<S> | undefined)[] =>
    Array.isArray(value) ? value.map((item) => part(schema, item)) : [];
  return {
    instances: list(shape.instances.element, file?.instances),
    targets: list(shape.targets.unwrap().element, file?.targets),
    failover: part(shape.failover, file?.failover),
    retry: part(shape.retry, file?.retry),
    door: part(shape.door, file?.door),
    alerts: list(shape.alerts.unwrap().element, file?.alerts),
    dead_mans_switch: part(shape.dead_mans_switch, file?.dead_mans_switch),
    store: part(shape.store, file?.store),
  };
}

function checkable(parts: Parts, { databaseUrl }: Environment, folder: string): Checkable {
  const written = databaseUrl ?? parts.store;
  const store = written && isStoreAddress(written) ? parseStoreAddress(written, folder) : undefined;
  return {
    ...parts,
    instances: parts.instances.map((instance) => instance && instanceFrom(folder, instance)),
    targets: parts.targets.map((target) => target && targetFrom(folder, target)),
    deadMansSwitch: parts.dead_mans_switch,
    stateDirectory: store && stateDirectoryOf(store, folder),
    store,
  };
}

/**
 * The directory of this host's locks and process registry: beside the SQLite file, else beside the
 * configuration.
 */
function stateDirectoryOf(store: StoreAddress, folder: string): string {
  return store.engine === "sqlite" ? dirname(store.path) : resolve(folder, "data");
}

function instanceFrom(folder: string, instance: InstanceConfig): InstanceConfig {
  if (!instance.tls) return instance;
  const { cert, key } = instance.tls;
  return { ...instance, tls: { cert: resolve(folder, cert), key: resolve(folder, key) } };
}

/** Every other GitHub has an issuer of its own, so github.com's is replaced there. */
function oidcIssuer({ oidcIssuer, githubIssuer }: Environment, configured: string): string {
  const own = configured !== GITHUB_OIDC_ISSUER;
  return (oidcIssuer ?? (own ? configured : githubIssuer)).replace(/\/+$/, "");
}

function targetFrom(folder: string, target: TargetConfig): TargetConfig {
  return { ...target, directory: resolve(folder, target.directory) };
}

/** Warnings, a line each. They do not keep an instance from starting. */
export function configWarnings(config: Config): string[] {
  const urls = [...config.instances.map((i) => i.url), ...(config.door ? [config.door.url] : [])];
  const { issuer } = config.oidc;
  return [
    ...urls
      .filter(isReadable)
      .map(
        (url) =>
          `${url} is not encrypted: no OIDC token is sent over it; use https:// (a proxy, or tls: {cert, key})`,
      ),
    ...(isReadable(issuer)
      ? [
          `${issuer} (oidc.issuer) is not encrypted: anyone on the network path can forge tokens; use https://`,
        ]
      : []),
    ...config.targets.flatMap(({ run, directory, env }, index) => {
      const [command] = run as [string];
      const fault = command.includes("/")
        ? scriptFault(resolve(directory, command), env.PATH ?? process.env.PATH)
        : null;
      return fault === null ? [] : `targets[${index}].run: ${command} cannot run: ${fault}`;
    }),
    ...config.targets.flatMap((target, index) =>
      shortSecrets(target, process.env).map((warning) => `targets[${index}].${warning}`),
    ),
    ...config.targets.flatMap(({ verify }, index) =>
      verify?.body && !/\{(sha|short_sha|run_id)\}/.test(verify.body)
        ? [
            `targets[${index}].verify.body: an older version may show this text, too; ` +
              "write {sha}, {short_sha} or {run_id} where the site names its version",
          ]
        : [],
    ),
    ...config.targets.flatMap(({ approval, action, environment }, index) =>
      approval === "required" && action.secret_env
        ? [
            `targets[${index}].action.secret_env: a delivery secret starts nothing here, since approval is ` +
              `required: only the token of a job with "environment: ${environment}" does`,
          ]
        : [],
    ),
    ...config.targets.flatMap(({ events }, index) =>
      events
        .filter((event) => !WORKFLOW_EVENTS.includes(event))
        .map(
          (event) =>
            `targets[${index}].events: GitHub has no known event named ${describeKey(event)}; ` +
            `did you mean ${closest(event, WORKFLOW_EVENTS)}? Runs that it starts are deployed, others' are not`,
        ),
    ),
  ];
}

/** Whether others on the network can read the traffic, and change it. */
function isReadable(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\./.test(host);
}
