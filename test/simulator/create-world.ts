import { randomUUID } from "node:crypto";
import { type AppIdentity, appIdentity } from "./app-identity.ts";
import { Changes } from "./changes.ts";
import { Clock } from "./clock.ts";
import { Deliveries } from "./deliveries.ts";
import { Oidc } from "./oidc.ts";
import type { ContentLimits, HourlyLimits } from "./rate-limits.ts";
import { Tokens } from "./tokens.ts";
import type { Settings, World } from "./world.ts";

/** The options of the simulated GitHub; everything has a default. */
export interface GitHubOptions extends Partial<Settings> {
  /** The address to listen on. Default 127.0.0.1. */
  host?: string;
  /** Default 0: any free one. */
  port?: number;
  /** How long every answer of the API takes. Default 0. */
  latencyMs?: number;
  /** How long a receiver may take to answer. Default 10 000, as at GitHub. */
  deliveryLimitMs?: number;
  /** The real time, in milliseconds since 1970. Default `Date.now`. */
  now?: () => number;
  app?: Partial<AppIdentity>;
  /** The first URL of the App's hook. Default: a port on which nothing listens. */
  hookUrl?: string;
  /** Null: no limits and no headers about them, as on a GitHub Enterprise Server. */
  rateLimits?: Partial<HourlyLimits> | null;
  contentLimits?: Partial<ContentLimits>;
}

/** A GitHub with one App and nothing else. */
export function createWorld(options: GitHubOptions): World {
  const app = appIdentity(options.app);
  const clock = new Clock(options.now);
  const changes = new Changes();
  let lastId = 1_000_000;
  return {
    name: randomUUID(),
    app,
    clock,
    changes,
    tokens: new Tokens(),
    deliveries: new Deliveries(clock, changes, options.deliveryLimitMs ?? 10_000),
    repositories: new Map(),
    moved: new Map(),
    manifestCodes: new Map(),
    oauthCodes: new Map(),
    oidc: new Oidc(clock),
    settings: {
      appHookForgetsSecret: options.appHookForgetsSecret ?? false,
      deploymentEvents: options.deploymentEvents ?? ["app", "github_token"],
      signedInAs: options.signedInAs ?? "octocat",
      deliveryListLagMs: options.deliveryListLagMs ?? 0,
      runListLagMs: options.runListLagMs ?? 0,
    },
    nextId: () => ++lastId,
    appHook: {
      id: 4_711,
      kind: "app",
      targetId: app.id,
      active: true,
      events: app.events,
      config: {
        url: options.hookUrl ?? "http://127.0.0.1:1/nobody-listens-here",
        content_type: "json",
        insecure_ssl: "0",
        secret: app.webhookSecret,
      },
      created_at: app.createdAt,
      updated_at: app.createdAt,
      last_response: { code: null, status: "unused", message: null },
    },
  };
}
