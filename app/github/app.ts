import type { Logger } from "pino";
import { Probot, ProbotOctokit } from "probot";
import type { Environment } from "../config/environment/environment.ts";
import { classifyGitHubError, NOT_MODIFIED } from "./github-error.ts";
import { callLimit } from "./repository-access.ts";

/** Octokit without Probot's own retries and write throttling: the outbox decides when to send again. */
const PlainOctokit = ProbotOctokit.defaults((options: OctokitOptions) => ({
  ...options,
  retry: { enabled: false },
  // Probot sets options of its own, so these must be set last.
  throttle: { ...options.throttle, enabled: false },
  request: { ...options.request, fetch: limitedFetch },
}));

interface OctokitOptions {
  throttle?: object;
  request?: object;
}

/** Gives a time limit to calls without a signal: Octokit asks for tokens without the signal of the actual call. */
const limitedFetch: typeof fetch = (url, init) =>
  fetch(url, init?.signal ? init : { ...init, ...callLimit() });

/** The least time to a reset: GitHub names it in whole seconds, so that it may seem to be over. */
const MIN_REST_MS = 1_000;

/** The result of a call to GitHub's API. */
export interface GitHubCall {
  /** The App itself, or its installation on an account: GitHub counts their calls separately. */
  credential: "app" | "installation";
  /** Whose hour the call counts in: `app`, or the login of the installation's account; null if the call has no owner. */
  account: string | null;
  result: "ok" | "refused" | "rate_limited" | "failed";
  /** GitHub's rate limit by the answer's headers; null if there are none. */
  rateLimit: { resource: string; limit: number; remaining: number; resetInMs: number } | null;
}

/**
 * The GitHub App as a Probot: it checks webhook signatures, and authenticates calls. `secret` is one that GitHub may
 * sign webhooks with. `onCall` gets the result of every call to GitHub.
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

/** An Octokit plugin that reports the result of each call. */
function tellingCalls(onCall: (call: GitHubCall) => void) {
  return (octokit: unknown): Record<string, never> => {
    const tell = (result: GitHubCall["result"], headers: Answer["headers"], { url, owner }: Asked) => {
      // The App itself also asks for the installation of a repository.
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
  // Both times are GitHub's: this host's clock may differ.
  const resetInMs = Number(reset) * 1000 - Date.parse(String(headers.date));
  return {
    resource: String(headers["x-ratelimit-resource"] ?? "core"),
    limit: Number(limit),
    remaining: Number(remaining),
    resetInMs: Number.isNaN(resetInMs) ? 0 : Math.max(MIN_REST_MS, resetInMs),
  };
}
