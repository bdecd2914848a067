import { describeRules } from "../accept/approval.ts";
import { releaseWaiting } from "../accept/release-waiting.ts";
import type { TargetConfig } from "../config/schema.ts";
import { classifyGitHubError, isGone } from "../github/github-error.ts";
import { callLimit, ownerAndName } from "../github/repository-access.ts";
import { approvalOf, type Protection, protectionOf } from "../queue/gate/approval.ts";
import { raiseAlert } from "../queue/raise-alert.ts";
import { repositoryKey } from "../store/repository-key.ts";
import type { StoreContext, Writer } from "../store/store.ts";
import { type PlaceScanParts, ScheduledScan } from "./place-scan.ts";
import { failureOf, settleInGroups } from "./settle-in-groups.ts";

const EVERY_MS = 60 * 60_000;
/** The part of an account's hourly calls that this scan may spend: 250 of 5,000. An environment takes up to two. */
const SHARE = 0.05 / 2;
const ENVIRONMENT = "/repos/{owner}/{repo}/environments/{environment_name}";

export interface EnvironmentScanOptions extends PlaceScanParts {
  /** This instance, as the one that accepts runs which waited for the result. */
  instance: string;
}

interface Place {
  repository: string;
  environment: string;
}

/** The key of a target's environment. GitHub ignores case in its name. */
function placeOf({ repository, environment }: Place): string {
  return `${repositoryKey(repository)} ${environment.toLowerCase()}`;
}

/**
 * Records how GitHub protects the environments of the targets: at the start and every hour. Without an answer the last
 * known protection stays. A change of a target's approval is an alert, told once.
 */
export class EnvironmentScan {
  #o: EnvironmentScanOptions;
  #scan: ScheduledScan<Place>;

  constructor(options: EnvironmentScanOptions) {
    this.#o = options;
    this.#scan = new ScheduledScan({
      ...options,
      name: "environments",
      task: "the scan for protected environments",
      scan: (signal) => this.scan(signal),
      places: new Map(
        options.targets.map(({ repository, environment }) => [
          placeOf({ repository, environment }),
          { repository, environment },
        ]),
      ),
      everyMs: EVERY_MS,
      share: SHARE,
    });
  }

  /** Makes all environments due. */
  askAll(): void {
    this.#scan.askAll();
  }

  /** Scans all environments now, and every hour from then on. */
  now(): void {
    this.#scan.now();
  }

  close(): Promise<void> {
    return this.#scan.close();
  }

  /** Scans the due environments. Returns the error if some must be scanned again. */
  async scan(signal: AbortSignal): Promise<unknown> {
    const { clock, lease, log, access } = this.#o;
    const begun = clock.now();
    const due = await this.#scan.next();
    const settled = await settleInGroups(due, ({ place }) => this.#read(place, signal));
    signal.throwIfAborted();
    const seen = new Map<Place, null>();
    const found = new Map<string, Protection>();
    for (const one of settled) {
      const { key, place } = one.item;
      if (one.status === "fulfilled") found.set(key, one.value);
      else if (classifyGitHubError(one.reason, clock.now()).kind !== "refused") continue;
      else {
        access.forget(place.repository);
        log.warn(
          `cannot read whether GitHub protects the environment ${place.environment} of ${place.repository}: ${one.reason.message}; give the App the permission Actions: read, or set approval of its targets to required or none`,
        );
      }
      seen.set(place, null);
    }
    const released = await lease.write(async (trx, store) => {
      for (const target of this.#o.targets) await this.#note(trx, store, target, found.get(placeOf(target)));
      return releaseWaiting(trx, store, this.#o.targets, { instance: this.#o.instance, now: clock.now() });
    });
    if (released > 0) log.info(`judged ${released} runs that waited for GitHub's word on their environments`);
    await this.#scan.done(due, seen, begun);
    return due.every(({ place }) => seen.has(place)) ? undefined : failureOf(settled);
  }

  async #read({ repository, environment }: Place, signal: AbortSignal): Promise<Protection> {
    const octokit = await this.#o.access.octokit(repository);
    const call = { ...ownerAndName(repository), environment_name: environment, request: callLimit(signal) };
    try {
      const { data } = await octokit.request(`GET ${ENVIRONMENT}`, call);
      const rules = (data.protection_rules ?? []).map(({ type }) => type);
      if (rules.length > 0) return { environment, rules };
      const { data: more } = await octokit.request(`GET ${ENVIRONMENT}/deployment_protection_rules`, call);
      const own = (more.custom_deployment_protection_rules ?? []).filter(({ enabled }) => enabled);
      return { environment, rules: own.length > 0 ? ["custom"] : [] };
    } catch (error) {
      if (!isGone(error)) throw error;
      // GitHub says the same about a repository that it does not show.
      await octokit.request("GET /repos/{owner}/{repo}", {
        ...ownerAndName(repository),
        request: callLimit(signal),
      });
      return { environment, rules: [] };
    }
  }

  /** Records what was found of a target's environment, and a change of its approval. */
  async #note(
    trx: Writer,
    store: StoreContext,
    target: TargetConfig,
    found: Protection | undefined,
  ): Promise<void> {
    const { repository, name, environment } = target;
    const here = { repository: repositoryKey(repository), target: name };
    const row = await trx
      .selectFrom("targets")
      .selectAll()
      .where("repository", "=", here.repository)
      .where("target", "=", name)
      .executeTakeFirst();
    if (!row) return;
    const protection = found ?? protectionOf(row, target);
    const approval = approvalOf(target, protection);
    const text = found ? JSON.stringify(found) : row.protection;
    if (approval === (row.approval ?? null) && text === row.protection) return;
    await trx
      .updateTable("targets")
      .set({ protection: text ?? null, approval: approval ?? row.approval ?? null })
      .where("repository", "=", here.repository)
      .where("target", "=", name)
      .execute();
    await store.notify(trx);
    if (approval === null || row.approval == null || row.approval === approval) return;
    const rules = protection?.rules ?? [];
    const byFile = target.approval !== "auto";
    this.#o.log.warn(
      `approval of ${name} of ${repository} is ${approval} now: ${byFile ? "twinhook.yml says so" : describeRules(rules) || `GitHub does not protect ${environment}`}`,
    );
    await raiseAlert(trx, store, {
      kind: "approval_changed",
      state: "event",
      subject: `${name} of ${here.repository}`,
      facts: { repository, target: name, environment, now: approval, rules, byFile },
    });
  }
}
