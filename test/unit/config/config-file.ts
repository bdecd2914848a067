import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { type Config, loadConfig } from "../../../app/config/load.ts";
import { ConfigError, type ConfigProblem, formatProblem } from "../../../app/config/problem.ts";

export const PRIVATE_KEY = generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
}).privateKey;
export const DELIVERY_SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

/** A key with this value is left out. */
export const ABSENT = undefined;

export const PRIMARY = { name: "primary", url: "https://a.example.com:9000", listen: "127.0.0.1:9100" };
export const BACKUP = { name: "backup", url: "https://a.example.com:9001", listen: "127.0.0.1:9101" };
export const TARGET = {
  repository: "acme/site",
  environment: "production",
  workflow: ".github/workflows/ci.yml",
  run: ["./deploy.sh"],
  directory: "site",
};

type Keys = Record<string, unknown>;
/** Variables as a person may set them: also to what no type allows. */
export type Variables = Record<string, string | undefined>;

/** The content of a file that can be used, with these keys changed. */
export function content(changes: Keys = {}): Keys {
  return { instances: [PRIMARY, BACKUP], targets: [TARGET], ...changes };
}

/** A file that can be used, with these keys of its only target changed. */
export function withTarget(changes: Keys): Keys {
  return content({ targets: [{ ...TARGET, ...changes }] });
}

/** A file that can be used, with these keys of its two instances changed. */
export function withInstances(primary: Keys, backup: Keys): Keys {
  return content({
    instances: [
      { ...PRIMARY, ...primary },
      { ...BACKUP, ...backup },
    ],
    // With several hosts a target has to say where it runs.
    targets: [{ ...TARGET, hosts: "all" }],
  });
}

/** A folder with `twinhook.yml`, where targets deploy in `site` by `deploy.sh`; removed after the test. */
export class ConfigFile {
  readonly folder = mkdtempSync(join(tmpdir(), "twinhook-config-"));
  readonly env: NodeJS.ProcessEnv;
  readonly name: string;

  /** `file` is the text, or what is to be written as YAML. */
  constructor(file: string | Keys, env: Variables = {}) {
    onTestFinished(() => rmSync(this.folder, { recursive: true }));
    this.name = join(this.folder, "twinhook.yml");
    this.env = {
      PATH: process.env.PATH,
      APP_ID: "1",
      PRIVATE_KEY,
      WEBHOOK_SECRET: "a webhook secret",
      TWINHOOK_CONFIG: this.name,
      ...env,
    } as NodeJS.ProcessEnv;
    writeFileSync(this.name, typeof file === "string" ? file : stringify(file));
    mkdirSync(join(this.folder, "site"));
    writeFileSync(join(this.folder, "site/deploy.sh"), "#!/bin/sh\n");
    chmodSync(join(this.folder, "site/deploy.sh"), 0o755);
    writeFileSync(join(this.folder, "site/notes.txt"), "");
  }

  load(): Config {
    return loadConfig(this.env);
  }

  problems(): readonly ConfigProblem[] {
    try {
      this.load();
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  }

  /** Each problem as a person reads it, without the folder's name, which differs from run to run. */
  messages(): string[] {
    return this.problems().map((problem) => formatProblem(problem).replaceAll(`${this.folder}/`, ""));
  }
}
