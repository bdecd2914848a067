import type { WorkflowRunEvent } from "@octokit/webhooks-types";
import { PATIENCE_MS } from "../helpers/patience.ts";
import { addRepository, type NewRepository } from "./add-repository.ts";
import type { RequestRecord } from "./answer-request.ts";
import { ApiServer } from "./api-server.ts";
import type { AppIdentity, Permissions } from "./app-identity.ts";
import type { Change, Changes } from "./changes.ts";
import type { Clock } from "./clock.ts";
import { type CompleteRunOptions, completeRun, type SentRun } from "./complete-run.ts";
import { createWorld, type GitHubOptions } from "./create-world.ts";
import type { DeliveryRecord } from "./delivery-log.ts";
import type { DeploymentRecord, DeploymentStatusRecord } from "./deployment-object.ts";
import type { EnvironmentRecord } from "./environment-routes.ts";
import { Faults } from "./faults.ts";
import type { Hook } from "./hook.ts";
import type { Oidc, OidcClaims } from "./oidc.ts";
import { GITHUB_CONTENT_LIMITS, GITHUB_LIMITS, RateLimits } from "./rate-limits.ts";
import { Router } from "./router.ts";
import { ROUTES } from "./routes.ts";
import { type SentEvent, sendEvent } from "./send-event.ts";
import { isoSeconds, stableSha } from "./stable-values.ts";
import type { RepositoryRecord, Settings, World } from "./world.ts";

export type { GitHubOptions } from "./create-world.ts";

/** Starts a simulated GitHub. */
export async function startGitHub(options: GitHubOptions = {}): Promise<GitHub> {
  const github = new GitHub(options);
  await github.start(options.port ?? 0);
  return github;
}

/** A running simulated GitHub, as tests and the demo use it. */
export class GitHub {
  /** Answers the API both at its root and below `/api/v3`. */
  url = "";
  readonly app: AppIdentity;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly oidc: Oidc;
  readonly settings: Settings;
  readonly #changes: Changes;
  readonly #world: World;
  readonly #server: ApiServer;

  /** Use `startGitHub`. */
  constructor(options: GitHubOptions) {
    this.#world = createWorld(options);
    this.app = this.#world.app;
    this.clock = this.#world.clock;
    this.oidc = this.#world.oidc;
    this.settings = this.#world.settings;
    this.#changes = this.#world.changes;
    this.faults = new Faults(this.#changes);
    const { rateLimits, contentLimits } = options;
    const limits =
      rateLimits === null
        ? null
        : new RateLimits({ ...GITHUB_LIMITS, ...rateLimits }, { ...GITHUB_CONTENT_LIMITS, ...contentLimits });
    this.#server = new ApiServer(
      this.#world,
      new Router(ROUTES),
      this.faults,
      limits,
      options.latencyMs ?? 0,
      options.host ?? "127.0.0.1",
    );
  }

  /** Begins to listen; called by `startGitHub`. */
  async start(port: number): Promise<void> {
    this.url = await this.#server.listen(port);
    this.oidc.issuer = `${this.url}/_services/token`;
  }

  /** How long every answer of the API takes, in milliseconds. */
  get latencyMs(): number {
    return this.#server.latencyMs;
  }
  set latencyMs(ms: number) {
    this.#server.latencyMs = ms;
  }

  /** The environment of an instance that uses this GitHub. */
  environment(): Record<string, string> {
    return {
      APP_ID: String(this.app.id),
      PRIVATE_KEY: this.app.privateKey,
      WEBHOOK_SECRET: this.app.webhookSecret,
      GITHUB_CLIENT_ID: this.app.clientId,
      GITHUB_CLIENT_SECRET: this.app.clientSecret,
      GHE_HOST: new URL(this.url).host,
      GHE_PROTOCOL: "http",
      TWINHOOK_OIDC_ISSUER: this.oidc.issuer,
    };
  }

  /** The App's hook: GitHub delivers to its `config.url`. */
  get hook(): Hook {
    return this.#world.appHook;
  }

  /** Adds a repository and installs the App on it, unless told otherwise. */
  addRepository(fullName: string, given?: NewRepository): RepositoryRecord {
    return addRepository(this.#world, fullName, given);
  }

  /** Renames a repository, or transfers it within the installation. The old name redirects to the new one. */
  renameRepository(fullName: string, newName: string): RepositoryRecord {
    const record = this.repository(fullName);
    const [owner = "", name = ""] = newName.split("/");
    this.#world.repositories.delete(fullName.toLowerCase());
    this.#world.moved.set(fullName.toLowerCase(), newName);
    this.#world.repositories.set(
      newName.toLowerCase(),
      Object.assign(record, { full_name: newName, owner, name }),
    );
    return record;
  }

  /**
   * The repository of this name.
   * @throws {Error} when the test has not added it.
   */
  repository(fullName: string): RepositoryRecord {
    const found = this.#world.repositories.get(fullName.toLowerCase());
    if (!found) throw new Error(`the simulated GitHub has no ${fullName}: call addRepository first`);
    return found;
  }

  /** Makes an environment with these protection rules, in place of one of the same name. */
  protect(fullName: string, name: string, rules: EnvironmentRecord["rules"] = ["required_reviewers"]): void {
    this.repository(fullName).environments.set(name.toLowerCase(), { name, rules });
  }

  /** Records a workflow run (or a further step or attempt of one) and sends its event, as GitHub would. */
  completeRun(options: CompleteRunOptions): SentRun {
    return completeRun(this.#world, this.repository(options.repository), options);
  }

  /** Sends any event to the App's hook, and to the hooks of the payload's repository. */
  send(
    event: string,
    payload: Record<string, unknown> | WorkflowRunEvent,
    options: { guid?: string } = {},
  ): SentEvent {
    return sendEvent(this.#world, event, { ...payload }, { ...options, always: true });
  }

  /** Sends a delivery again to the present URL, as a person does in the App's settings. */
  redeliver(id: bigint | string): Promise<DeliveryRecord> {
    const record = this.deliveries.find((one) => String(one.id) === String(id));
    if (!record) throw new Error(`GitHub has no delivery ${id} (any more)`);
    const hooks = [this.hook, ...[...this.#world.repositories.values()].flatMap(({ hooks }) => hooks)];
    const hook = hooks.find(({ kind, id }) => kind === record.hook.kind && id === record.hook.id);
    if (!hook) throw new Error(`the hook of delivery ${id} is gone`);
    return this.#world.deliveries.redeliver(hook, record);
  }

  /** Every delivery that GitHub still keeps, to all hooks, newest first. */
  get deliveries(): DeliveryRecord[] {
    return this.#world.deliveries.log.all();
  }

  /** How many deliveries wait for their receiver's answer. */
  get deliveriesInFlight(): number {
    return this.#world.deliveries.inFlight;
  }

  /** A repository's GitHub Deployments, oldest first. */
  deployments(repository: string): DeploymentRecord[] {
    return this.repository(repository).deployments;
  }

  /** The statuses of a repository's deployments, or of one of them, oldest first. */
  statuses(repository: string, deploymentId?: number): DeploymentStatusRecord[] {
    return this.deployments(repository)
      .filter(({ id }) => deploymentId === undefined || id === deploymentId)
      .flatMap(({ statuses }) => statuses)
      .toSorted((a, b) => a.id - b.id);
  }

  /** Every API request that arrived, oldest first. */
  get requests(): RequestRecord[] {
    return this.#server.requests;
  }

  /** A job's `GITHUB_TOKEN`: for its repository alone, with the permissions of its workflow. */
  githubToken(
    repository: string,
    permissions: Permissions = { contents: "read", metadata: "read" },
    runId?: number,
  ): string {
    const { full_name } = this.repository(repository);
    const held: Permissions = { metadata: "read", ...permissions };
    const token = { kind: "github_token", permissions: held, repositories: [full_name] } as const;
    const issued = this.#world.tokens.issue(
      { ...token, repositories: [full_name], ...(runId !== undefined && { runId }) },
      this.clock.now(),
      24 * 3_600_000,
    );
    return issued.value;
  }

  /** A token of a signed-in person, without the way through the browser. */
  userToken(login: string): string {
    return this.#world.tokens.issue({ kind: "user", login, permissions: {} }, this.clock.now()).value;
  }

  /** The environment in which a job asks its runner for OIDC tokens. */
  jobEnvironment(claims: OidcClaims = {}): Record<string, string> {
    return this.oidc.jobEnvironment(this.url, claims);
  }

  /** Revokes every token that was issued so far. */
  revokeTokens(): void {
    this.#world.tokens.revokeAll();
  }

  /** Records a manifest as if a person had submitted it, and returns the code for its conversion. */
  manifestCode(manifest: Record<string, unknown> = {}): string {
    const code = stableSha(`manifest ${this.#world.manifestCodes.size}`);
    this.#world.manifestCodes.set(code, manifest);
    return code;
  }

  /** The API refuses connections on its port until `comeBack`. Deliveries continue. */
  async goDown(): Promise<void> {
    await this.#server.stop();
  }

  /** The API listens again. */
  async comeBack(): Promise<void> {
    await this.#server.listen();
  }

  /**
   * Resolves with the first truthy value of the predicate. The predicate is called now and after every change
   * here: of a request, delivery, deployment, status, hook, run, issue or fault.
   */
  waitFor<T>(predicate: (change?: Change) => T, timeoutMs = PATIENCE_MS): Promise<NonNullable<T>> {
    return this.#changes.waitFor(predicate, timeoutMs, () => {
      const last = this.requests.slice(-5).map(({ method, path, status }) => `${method} ${path} ${status}`);
      const sent = this.deliveries
        .slice(0, 3)
        .map(({ event, status_code, url }) => `${event} ${status_code} ${url}`);
      return `At ${isoSeconds(this.clock.now())} the last requests were [${last.join(", ")}], deliveries [${sent.join(", ")}].`;
    });
  }

  /** Stops everything: waits, faults, deliveries, sockets. */
  async close(): Promise<void> {
    this.#changes.close();
    this.faults.clear();
    await Promise.all([this.#world.deliveries.close(), this.#server.close()]);
  }
}
