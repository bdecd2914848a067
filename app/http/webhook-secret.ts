import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { ENV_FILE, readEnvFile, setInEnvFile } from "../config/environment/env-file.ts";
import type { Environment } from "../config/environment/environment.ts";
import { HttpProblem } from "./problem.ts";

/** The progress of a change of the webhook secret, as this instance sees it. */
export type SecretState =
  /** One secret is in use. `file` holds it; null when it comes from elsewhere. */
  | { kind: "settled"; file: string | null }
  /** The file holds a new secret; this instance must restart to load it. */
  | { kind: "prepared"; file: string }
  /** GitHub may have the new secret; the previous one is still accepted. */
  | { kind: "both"; file: string | null };

type Secrets = Pick<Environment, "webhookSecret" | "webhookSecretPrevious">;

export function secretState(environment: Secrets, file = resolve(ENV_FILE)): SecretState {
  const written = readOwn(file);
  if (written !== null && written.WEBHOOK_SECRET_PREVIOUS === environment.webhookSecret)
    return { kind: "prepared", file };
  const own = written !== null && written.WEBHOOK_SECRET === environment.webhookSecret ? file : null;
  return { kind: environment.webhookSecretPrevious === null ? "settled" : "both", file: own };
}

/**
 * Writes a new webhook secret into the file that holds the present one. The present one stays accepted. The
 * new secret takes effect when the instances restart. Nothing is lost meanwhile: only an instance that knows
 * both tells GitHub the new one.
 * @throws {HttpProblem} 409 when an earlier change is unfinished, or the secret does not come from such a
 * file.
 */
export function prepareSecret(environment: Secrets, file = resolve(ENV_FILE)): string {
  const state = secretState(environment, file);
  if (state.kind === "prepared")
    throw new HttpProblem(409, `${file} holds a new secret already; restart the instances to use it`);
  if (state.kind === "both")
    throw new HttpProblem(
      409,
      "the last change is not finished: WEBHOOK_SECRET_PREVIOUS is still set; remove it 3 days after the change and restart the instances, then change the secret again",
    );
  if (state.file === null)
    throw new HttpProblem(
      409,
      `WEBHOOK_SECRET does not come from ${file}, so change it where it is kept: make a new one there (openssl rand -hex 32), keep the present one as WEBHOOK_SECRET_PREVIOUS, and run twinhook reload`,
    );
  setInEnvFile(file, {
    WEBHOOK_SECRET: randomBytes(32).toString("hex"),
    WEBHOOK_SECRET_PREVIOUS: environment.webhookSecret as string,
  });
  return `a new secret stands in ${file} beside the present one; twinhook reload makes the instances use it`;
}

function readOwn(file: string): Record<string, string> | null {
  try {
    return readEnvFile(file);
  } catch {
    // An unreadable file is not this App's file.
    return null;
  }
}
