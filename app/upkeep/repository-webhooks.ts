import type { Logger } from "pino";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { Clock } from "../clock.ts";
import { type ControllerLease, NotControllerError } from "../failover/controller-lease.ts";
import type { SecretChange } from "../failover/secret-change.ts";
import { classifyGitHubError } from "../github/github-error.ts";
import type { RepositoryHook, RepositoryHooksClient } from "../github/repository-hooks.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { RepositoryHookRow } from "../store/schema.ts";
import type { Store } from "../store/store.ts";
import { Scheduler, type Task } from "./scheduler.ts";

const EVERY_MS = 10 * 60_000;

export interface BroadcastOptions {
  store: Store;
  clock: Clock;
  log: Logger;
  hooks: RepositoryHooksClient;
  /** Only the controller writes to GitHub. */
  lease: ControllerLease;
  /** Whether the mode is `broadcast`. If not, the webhooks made before are removed. */
  enabled: boolean;
  endpoints: readonly { url: string }[];
  targets: readonly { repository: string }[];
  /** GitHub may hold the previous secret, and never shows it. */
  secretChange: Pick<SecretChange, "isUnderWay" | "isAgreed">;
}

/** The changes to make to the webhooks of one repository. */
export interface HookPlan {
  create: string[];
  update: { id: number; url: string }[];
  remove: number[];
}

/**
 * Compares a repository's webhooks with the desired URLs. Ours are those that we made, and those that point to an
 * endpoint of ours. No other webhook is touched.
 */
export function planHooks(
  found: readonly RepositoryHook[],
  wanted: readonly string[],
  made: ReadonlySet<number>,
  rewrite: boolean,
): HookPlan {
  const ours = found.filter(({ id, url }) => made.has(id) || (url !== null && wanted.includes(url)));
  const kept = wanted.map((url) => ours.find((hook) => hook.url === url));
  return {
    create: wanted.filter((_, place) => !kept[place]),
    update: kept.flatMap((hook) =>
      hook?.url && (rewrite || !hook.intact) ? { id: hook.id, url: hook.url } : [],
    ),
    remove: ours.filter((hook) => !kept.includes(hook)).map(({ id }) => id),
  };
}

/**
 * Keeps a webhook per endpoint in every repository that has a target, beside the App's one webhook. So GitHub itself
 * delivers to each endpoint, and no event waits for a change of the URL.
 */
export class RepositoryWebhooks {
  #o: BroadcastOptions;
  /** Repositories whose webhooks GitHub refuses to set, each with the text that was logged. */
  #refused = new Map<string, string>();
  #secretWrittenUnder = 0;
  #scheduler: Scheduler<Task>;

  constructor(options: BroadcastOptions) {
    this.#o = options;
    const { clock, log, lease } = options;
    this.#scheduler = new Scheduler<Task>({
      tasks: [{ name: "setting the webhooks of the repositories", everyMs: EVERY_MS }],
      work: async (_, signal) => {
        await this.scan(signal);
        return new Map();
      },
      canRun: () => lease.held,
      clock,
      log,
    });
  }

  /** Compares and repairs now, and every 10 minutes from then on. */
  now(): void {
    void this.#scheduler.runNow();
  }

  close(): Promise<void> {
    return this.#scheduler.close();
  }

  /** Creates, repairs and removes webhooks until they match the desired ones. */
  async scan(signal: AbortSignal): Promise<void> {
    const { enabled, targets, store, lease, secretChange } = this.#o;
    const { token } = lease;
    const { isUnderWay, isAgreed } = secretChange;
    const rewrite = isUnderWay && isAgreed && token !== this.#secretWrittenUnder;
    const made = await store.read.selectFrom("repository_hooks").selectAll().execute();
    const current = new Set(enabled ? targets.map(({ repository }) => repositoryKey(repository)) : []);
    let failure: unknown;
    for (const repository of new Set([...current, ...made.map((row) => row.repository)])) {
      const mine = made.filter((row) => row.repository === repository);
      try {
        await this.#settle(repository, current.has(repository), mine, rewrite, signal);
        this.#refused.delete(repository);
      } catch (error) {
        if (!this.#isRefused(repository, error)) failure ??= error;
      }
    }
    if (failure) throw failure;
    if (rewrite && this.#refused.size === 0) this.#secretWrittenUnder = token;
  }

  async #settle(
    repository: string,
    isCurrent: boolean,
    made: readonly RepositoryHookRow[],
    rewrite: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { hooks, endpoints, lease, log } = this.#o;
    const wanted = isCurrent ? endpoints.map(({ url }) => `${url}${WEBHOOK_PATH}`) : [];
    const found = await hooks.list(repository, signal);
    const plan = planHooks(found, wanted, new Set(made.map(({ hook_id }) => hook_id)), rewrite);
    // Removals come first: GitHub allows 20 webhooks, and new ones need room.
    for (const id of plan.remove) {
      this.#checkRight();
      await hooks.remove(repository, id, signal);
    }
    for (const { id, url } of plan.update) {
      this.#checkRight();
      await hooks.update(repository, id, url, signal);
    }
    for (const url of plan.create) {
      this.#checkRight();
      const hook_id = await hooks.create(repository, url, signal);
      await lease.write((trx) =>
        trx.insertInto("repository_hooks").values({ hook_id, repository }).execute(),
      );
    }
    const gone = made.map(({ hook_id }) => hook_id).filter((id) => !found.some((hook) => hook.id === id));
    const forgotten = [...gone, ...plan.remove];
    if (forgotten.length > 0)
      await lease.write((trx) =>
        trx.deleteFrom("repository_hooks").where("hook_id", "in", forgotten).execute(),
      );
    const { create, update, remove } = plan;
    if (create.length + update.length + remove.length > 0)
      log.warn(
        { repository, made: create, repaired: update.map(({ url }) => url), removed: remove.length },
        `repaired the webhooks of ${repository}`,
      );
  }

  /** GitHub knows no fencing token, so the lease is checked right before every write. */
  #checkRight(): void {
    if (!this.#o.lease.held) throw new NotControllerError("this instance");
  }

  /** Whether a retry is of no use until a person changes something. Logs once what to change. */
  #isRefused(repository: string, error: unknown): boolean {
    const { message } = error as Error;
    const failure = classifyGitHubError(error, this.#o.clock.now());
    if (failure.kind !== "refused") return false;
    const remedy = failure.obstacle ? failure.remedy : REMEDIES[failure.status];
    if (!remedy) return false;
    const said = `the webhooks of ${repository} cannot be set: ${message}; ${remedy}`;
    if (this.#refused.get(repository) !== said) this.#o.log.error({ repository }, said);
    this.#refused.set(repository, said);
    this.#o.hooks.forgetAccess(repository);
    return true;
  }
}

const PERMISSION =
  "give the App the permission Webhooks: read and write (`repository_hooks: write`) and accept it on the installation's page, or set `webhook.mode: switch`";
const REMEDIES: Record<number, string> = {
  403: PERMISSION,
  404: `install the App on this repository, and ${PERMISSION}`,
  422: "GitHub allows 20 webhooks per event: remove some that nobody needs",
};
