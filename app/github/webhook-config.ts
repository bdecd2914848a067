import type { Probot } from "probot";

/** The time limit of a call; the caller retries. */
const CALL_LIMIT_MS = 2_000;

/** The webhook config of the App at GitHub. */
export interface WebhookConfig {
  url: string | null;
  contentType: string | null;
  insecureSsl: boolean;
}

/** Reads and writes the App's webhook at GitHub. */
export class WebhookConfigClient {
  #app: Promise<Probot>;
  #secret: () => string;

  /** `secret` returns the secret that GitHub is to sign with. */
  constructor(app: Promise<Probot>, secret: () => string) {
    this.#app = app;
    this.#secret = secret;
  }

  async read(signal?: AbortSignal): Promise<WebhookConfig> {
    const octokit = await (await this.#app).auth();
    const { data } = await octokit.request("GET /app/hook/config", { request: { signal: limit(signal) } });
    return config(data);
  }

  /**
   * Sets URL, content type, secret and TLS verification together: GitHub may drop a field that is left out. Octokit's
   * own method is not used, since it takes a field `url` for the address to call. `beforeSending` is called right before
   * the request, and may throw to prevent it.
   */
  async write(url: string, signal?: AbortSignal, beforeSending = () => {}): Promise<void> {
    const octokit = await (await this.#app).auth();
    await octokit.request("PATCH /app/hook/config", {
      data: { url, content_type: "json", secret: this.#secret(), insecure_ssl: "0" },
      request: {
        signal: limit(signal),
        fetch: (...request: Parameters<typeof fetch>) => {
          beforeSending();
          return fetch(...request);
        },
      },
    });
  }
}

function config(data: {
  url?: string;
  content_type?: string;
  insecure_ssl?: string | number;
}): WebhookConfig {
  return {
    url: data.url ?? null,
    contentType: data.content_type ?? null,
    insecureSsl: String(data.insecure_ssl ?? "0") !== "0",
  };
}

function limit(signal?: AbortSignal): AbortSignal {
  const timeout = AbortSignal.timeout(CALL_LIMIT_MS);
  return signal ? AbortSignal.any([signal, timeout]) : timeout;
}
