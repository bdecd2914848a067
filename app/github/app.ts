import type { Logger } from "pino";
import { Probot, ProbotOctokit } from "probot";
import type { Environment } from "../config/environment.ts";
import { classifyGitHubError, NOT_MODIFIED } from "./github-error.ts";
import { callLimit } from "./repository-access.ts";

/** Octokit without Probot's own retries and write throttling: the outbox decides when to send again. */
const PlainOctokit = ProbotOctokit.defaults((options: OctokitOptions) => ({
  ...options,
  retry: { enabled: false },
  // Probot gives options of its own, so that only what is set last holds.
  throttle: { ...options.throttle, enabled: false },
  request: { ...options.request, fetch: limitedFetch },
}));

interface OctokitOptions {
  throttle?: object;
  request?: object;
}

/** Octokit asks for tokens by itself, without the signal of the call that needs one: such a call has the limit too. */
const limitedFetch: typeof fetch = (url, init) =>
  fetch(url, init?.signal ? init : { ...init, ...callLimit() });

/** GitHub names the second of a reset, which may just be over. */
const MIN_REST_MS = 1_000;

/** What came of a call to GitHub's API. */
export interface GitHubCall {
  /** The App itself, or its installation on an account: GitHub counts their calls apart. */
  credential: "app" | "installation";
  /** Whose calls it counts to: `app`, or the login of the installation's account; null where the call does not say. */
  account: string | null;
  result: "ok" | "refused" | "rate_limited" | "failed";
  /** What GitHub said of the hour's calls; null where it said nothing. */
  rateLimit: { resource: string; limit: number; remaining: number; resetInMs: number } | null;
}

/**
 * The GitHub App, as Probot knows it: its webhook signatures and its authentication.
 * `secret` is one that GitHub may sign webhooks with. `onCall` is told of every call to GitHub.
 */
export async function githubApp(
  environment: Environment,
  secret: string,
  log: Logger,
  onCall: (call: GitHubCall) => void = () => {},
): Promise<Probot> {
  const app = new Probot({
    appId: environment.appId as string,
    privateKey: environment.privateKey as string,
    secret,
    baseUrl: environment.githubApiUrl,
    Octokit: PlainOctokit.plugin(refusingPages, tellingCalls(onCall)),
    log: log.child({ name: "octokit" }, { level: "fatal" }),
  });
  await app.ready();
  return app;
}

interface Hooked {
  hook: {
    after(name: "request", act: (response: Answer, options: Asked) => void): void;
    error(name: "request", act: (error: Error, options: Asked) => void): void;
  };
}
interface Answer {
  headers?: Record<string, string | number | undefined>;
  status?: number;
  url?: string;
  data?: unknown;
}
interface Asked {
  url: string;
  owner?: string;
}

/**
 * An Octokit plugin that makes an error of a page with a status of success: a proxy, or a network that wants a sign-in,
 * may answer in GitHub's place. GitHub answers JSON, or nothing.
 */
function refusingPages(octokit: unknown): Record<string, never> {
  (octokit as Hooked).hook.after("request", ({ status, url = "", data }) => {
    if (typeof data !== "string" || data === "") return;
    throw new Error(
      `${new URL(url).host} answered ${status} with something else than JSON: see that no proxy answers in GitHub's place`,
    );
  });
  return {};
}

/** An Octokit plugin that tells what came of each call. */
function tellingCalls(onCall: (call: GitHubCall) => void) {
  return (octokit: unknown): Record<string, never> => {
    const tell = (result: GitHubCall["result"], headers: Answer["headers"], { url, owner }: Asked) => {
      // Which installation has a repository is asked by the App itself, too.
      const credential = /^\/app\b|\/installation$/.test(url) ? "app" : "installation";
      const account = credential === "app" ? "app" : (owner?.toLowerCase() ?? null);
      onCall({ credential, account, result, rateLimit: rateLimitOf(headers) });
    };
    const { hook } = octokit as Hooked;
    hook.after("request", ({ headers }, asked) => tell("ok", headers, asked));
    hook.error("request", (error, asked) => {
      const { kind } = classifyGitHubError(error, Date.now());
      const { status, response } = error as { status?: number; response?: Answer };
      const failed = kind === "transient" ? "failed" : kind;
      tell(status === NOT_MODIFIED ? "ok" : failed, response?.headers, asked);
      throw error;
    });
    return {};
  };
}

function rateLimitOf(headers: Answer["headers"] = {}): GitHubCall["rateLimit"] {
  const [limit, remaining, reset] = ["limit", "remaining", "reset"].map(
    (name) => headers[`x-ratelimit-${name}`],
  );
  if (limit === undefined || remaining === undefined) return null;
  // By GitHub's clock alone: this host's may differ.
  const resetInMs = Number(reset) * 1000 - Date.parse(String(headers.date));
  return {
    resource: String(headers["x-ratelimit-resource"] ?? "core"),
    limit: Number(limit),
    remaining: Number(remaining),
    resetInMs: Number.isNaN(resetInMs) ? 0 : Math.max(MIN_REST_MS, resetInMs),
  };
}
