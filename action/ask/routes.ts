import { leftAudience } from "../../shared/deployment-request.ts";
import type { Redactor } from "../foreign-text.ts";
import { createProver, proveByToken } from "../input/credential.ts";
import type { Endpoint } from "../input/endpoints.ts";
import type { Inputs } from "../input/inputs.ts";
import { type Client, createClient } from "./client.ts";
import { GitHubClient, githubEndpoint } from "./github-client.ts";
import type { ActionRequest } from "./request.ts";

/** Every route for the request. */
export interface Routes {
  endpoints: readonly Endpoint[];
  /** Null when GitHub must not be used. */
  github: { endpoint: Endpoint; client: GitHubClient } | null;
  /** Sends each call to the route's own client. */
  client: Client;
}

export interface RoutesOptions {
  inputs: Inputs;
  request: ActionRequest;
  env: Readonly<Record<string, string | undefined>>;
  /** Called with each OIDC token before its first use, so that the runner masks it. */
  onToken: (token: string) => void;
  redact: Redactor;
  signal: AbortSignal;
  now: () => number;
}

/** Creates the routes that the inputs name, with their credentials. */
export function createRoutes({ inputs, request, env, onToken, redact, signal, now }: RoutesOptions): Routes {
  const { credential, endpoints, githubToken, requestTimeoutMs } = inputs;
  const know = (token: string): void => {
    onToken(token);
    redact.know(token);
  };
  const tokens = { env, onToken: know, signal };
  const prove = createProver(credential, tokens);
  const common = { request, requestTimeoutMs, signal, redact, now };
  const client = createClient({ ...common, prove, credentialKind: credential.kind });
  if (githubToken === undefined) return { endpoints, github: null, client };

  const apiUrl = (env.GITHUB_API_URL || "https://api.github.com").replace(/\/+$/, "");
  const github = {
    endpoint: githubEndpoint(apiUrl),
    client: new GitHubClient({
      ...common,
      apiUrl,
      pageUrl: `${env.GITHUB_SERVER_URL || "https://github.com"}/${request.repository}/deployments`,
      token: githubToken,
      withToken: credential.kind === "oidc",
      proveLeft: (text) =>
        credential.kind === "secret"
          ? prove(text)
          : proveByToken(leftAudience(credential.audience, text), tokens),
    }),
  };
  const own = (endpoint: Endpoint): Client => (endpoint === github.endpoint ? github.client : client);
  return {
    endpoints,
    github,
    client: {
      request: (endpoint) => own(endpoint).request(endpoint),
      read: (endpoint, options) => own(endpoint).read(endpoint, options),
    },
  };
}
