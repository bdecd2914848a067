import type { TargetConfig } from "../config/schema.ts";
import type { DeploymentRecord } from "../store/schema.ts";

/** Variables of the instance's own environment that a command sees, besides LC_*. */
const INHERITED = ["PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"];

/** The variables of an instance's environment that a command may see: the common ones, and `pass_env`. */
export function inheritedEnvironment(
  env: NodeJS.ProcessEnv,
  passEnv: readonly string[] = [],
): Record<string, string> {
  const names = Object.keys(env).filter(
    (name) => INHERITED.includes(name) || name.startsWith("LC_") || passEnv.includes(name),
  );
  return Object.fromEntries(names.map((name) => [name, env[name] as string]));
}

/** The whole environment of a deployment's command. `inherited` comes from {@link inheritedEnvironment}. */
export function commandEnvironment(
  deployment: DeploymentRecord,
  target: Pick<TargetConfig, "env">,
  inherited: Record<string, string>,
  payloadFile: string,
): Record<string, string> {
  return {
    ...inherited,
    ...target.env,
    TWINHOOK_REPOSITORY: deployment.repository,
    TWINHOOK_TARGET: deployment.target,
    TWINHOOK_ENVIRONMENT: deployment.environment,
    TWINHOOK_SHA: deployment.sha,
    TWINHOOK_REF: deployment.ref,
    TWINHOOK_RUN_ID: String(deployment.run_id ?? ""),
    TWINHOOK_RUN_ATTEMPT: String(deployment.run_attempt ?? ""),
    TWINHOOK_DEPLOYMENT_ID: deployment.id,
    TWINHOOK_ATTEMPT: String(deployment.attempt),
    TWINHOOK_PAYLOAD_FILE: payloadFile,
  };
}
