import type { Probot } from "probot";

/** A change of the URL that takes longer is given up, and tried again. */
const CALL_LIMIT_MS = 2_000;

/** The App's webhook, as GitHub has it. */
export interface WebhookConfig {
  url: string | null;
  contentType: string | null;
  insecureSsl: boolean;
}

/** Reads and writes the App's webhook at GitHub. */
export class WebhookConfigClient {
  #app: Promise<Probot>;
  #secret: string;

  constructor(app: Promise<Probot>, secret: string) {
    this.#app = app;
    this.#secret = secret;
  }

  async read(signal?: AbortSignal): Promise<WebhookConfig> {
    const octokit = await (await this.#app).auth();
    const { data } = await octokit.request("GET /app/hook/config", { request: { signal: limit(signal) } });
    return config(data);
  }

  /**
   * Sets URL, content type, secret and TLS verification, all of them every time: GitHub may drop what is left
   * out. Not by Octokit's method for it, which would take a field called `url` for the address to call.
   * `beforeSending` is called at the last moment, and may throw to prevent it.
   */
  async write(url: string, signal?: AbortSignal, beforeSending = () => {}): Promise<void> {
    const octokit = await (await this.#app).auth();
    await octokit.request("PATCH /app/hook/config", {
      data: { url, content_type: "json", secret: this.#secret, insecure_ssl: "0" },
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
