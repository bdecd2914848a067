import { validationFailed } from "./github-error.ts";

/** The URL and the format of a hook's deliveries. */
export interface HookConfig {
  url: string;
  content_type: "json" | "form";
  insecure_ssl: "0" | "1";
  secret?: string;
}

/** The App's hook, or one of a repository. */
export interface Hook {
  id: number;
  kind: "app" | "repository";
  /** The App's id, or the repository's. */
  targetId: number;
  /** Full name, for a repository's hook. */
  repository?: string;
  active: boolean;
  /** `*` for all events; the App's hook has the App's events. */
  events: string[];
  config: HookConfig;
  created_at: string;
  updated_at: string;
  last_response: { code: number | null; status: string; message: string | null };
}

/** The config in answers: the secret is masked. */
export function configObject({ url, content_type, insecure_ssl, secret }: HookConfig) {
  return { content_type, insecure_ssl, ...(secret !== undefined && { secret: "********" }), url };
}

/**
 * Applies a client's changes to a config. Fields left out stay as they are. If `forgetSecret` is set, a
 * missing secret is removed.
 * @throws {GitHubError} 422
 */
export function changedConfig(
  current: HookConfig,
  sent: Record<string, unknown>,
  forgetSecret: boolean,
): HookConfig {
  const config: HookConfig = { ...current };
  if (sent.url !== undefined) {
    if (typeof sent.url !== "string" || !/^https?:\/\/[^\s/]+/.test(sent.url))
      throw validationFailed("Hook", "url", "url is not a valid URL");
    config.url = sent.url;
  }
  if (sent.content_type !== undefined) {
    if (sent.content_type !== "json" && sent.content_type !== "form")
      throw validationFailed("Hook", "content_type", "content_type must be json or form");
    config.content_type = sent.content_type;
  }
  if (sent.insecure_ssl !== undefined) {
    if (!/^[01]$/.test(String(sent.insecure_ssl)))
      throw validationFailed("Hook", "insecure_ssl", "insecure_ssl must be 0 or 1");
    config.insecure_ssl = String(sent.insecure_ssl) === "1" ? "1" : "0";
  }
  if (typeof sent.secret === "string" && sent.secret !== "") config.secret = sent.secret;
  else if (forgetSecret || sent.secret === "") delete config.secret;
  return config;
}
