import type { Logger } from "pino";
import { Probot, ProbotOctokit } from "probot";
import type { Environment } from "../config/environment.ts";

/** Octokit without Probot's own retries and write throttling: the outbox decides when to send again. */
const PlainOctokit = ProbotOctokit.defaults((options: OctokitOptions) => ({
  ...options,
  retry: { enabled: false },
  // Probot gives options of its own, so that only what is set last holds.
  throttle: { ...options.throttle, enabled: false },
}));

interface OctokitOptions {
  throttle?: object;
}

/**
 * The GitHub App, as Probot knows it: its webhook signatures and its authentication.
 * `secret` is one that GitHub may sign webhooks with.
 */
export async function githubApp(environment: Environment, secret: string, log: Logger): Promise<Probot> {
  const app = new Probot({
    appId: environment.appId as string,
    privateKey: environment.privateKey as string,
    secret,
    baseUrl: environment.githubApiUrl,
    Octokit: PlainOctokit,
    log: log.child({ name: "octokit" }, { level: "fatal" }),
  });
  await app.ready();
  return app;
}
