import { generateKeyPairSync } from "node:crypto";
import { accountObject } from "./account-object.ts";
import { nodeId } from "./stable-values.ts";

export type Access = "read" | "write";
export type Permissions = Record<string, Access>;

/** The GitHub App that the simulated GitHub knows. */
export interface AppIdentity {
  id: number;
  slug: string;
  name: string;
  clientId: string;
  clientSecret: string;
  webhookSecret: string;
  /** PKCS#1 PEM, the format of GitHub's downloads. */
  privateKey: string;
  publicKey: string;
  owner: string;
  permissions: Permissions;
  /** The events that the App's hook is subscribed to. */
  events: string[];
  createdAt: string;
}

let keys: { privateKey: string; publicKey: string } | undefined;

/** An App with the permissions that Twinhook suggests; all Apps of a process share one key pair. */
export function appIdentity(overrides: Partial<AppIdentity> = {}): AppIdentity {
  keys ??= generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  return {
    id: 29_310,
    slug: "twinhook-test",
    name: "Twinhook test",
    clientId: "Iv23liTwinhookTest001",
    clientSecret: "0123456789abcdef0123456789abcdef01234567",
    webhookSecret: "a webhook secret of the simulated GitHub",
    ...keys,
    owner: "acme",
    permissions: {
      actions: "read",
      contents: "read",
      deployments: "write",
      issues: "write",
      metadata: "read",
      repository_hooks: "write",
    },
    events: ["workflow_run", "deployment", "create", "delete"],
    createdAt: "2026-01-05T08:00:00Z",
    ...overrides,
  };
}

/** The App in GitHub's answers ("integration"). */
export function appObject(app: AppIdentity) {
  return {
    id: app.id,
    slug: app.slug,
    client_id: app.clientId,
    node_id: nodeId("App", app.id),
    owner: accountObject(app.owner, "Organization"),
    name: app.name,
    description: "",
    external_url: "https://twinhook.example",
    html_url: `https://github.com/apps/${app.slug}`,
    created_at: app.createdAt,
    updated_at: app.createdAt,
    permissions: app.permissions,
    events: app.events,
  };
}

/** GitHub Actions itself, the App behind every `GITHUB_TOKEN`. */
export const ACTIONS_APP: AppIdentity = {
  id: 15_368,
  slug: "github-actions",
  name: "GitHub Actions",
  clientId: "Iv1.05c79e9ad1f6bdfa",
  clientSecret: "",
  webhookSecret: "",
  privateKey: "",
  publicKey: "",
  owner: "github",
  permissions: {},
  events: [],
  createdAt: "2018-07-30T09:30:17Z",
};
