import type { Arrival } from "../../accept/arrival.ts";
import { type ParsedRequest, requestArrival } from "../../accept/deployment-request.ts";
import { NO_NAMES, type RepositoryNames } from "../../accept/repository-names.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { RepositoryIds } from "../../github/repository-ids.ts";
import { readRequestedRun } from "../../github/requested-run.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import { type AskGitHub, askGitHub } from "../ask-github.ts";
import { Refusal } from "../refusal.ts";
import { bindClaims } from "./bind-claims.ts";
import type { OidcClaims } from "./claims.ts";

/** How long a client should wait for a run to end at GitHub (seconds). */
const RETRY_AFTER_S = 5;

/** Decides which requests and repositories a job of GitHub Actions may use. */
export class JobRights {
  #github: AskGitHub;
  #ids: RepositoryIds;
  #names: RepositoryNames;

  constructor({ names = NO_NAMES, ...github }: AskGitHub & { names?: RepositoryNames }) {
    this.#github = github;
    this.#names = names;
    this.#ids = new RepositoryIds(github);
  }

  /**
   * Whether the job belongs to this repository, by name and id: another repository may own the name now.
   * @throws {Refusal} unavailable when GitHub must be asked and is unreachable; 403 when it refuses the App.
   */
  async isOf({ repository_id, repository }: OidcClaims, wanted: string): Promise<boolean> {
    if (this.#names.keyOf(repository) !== repositoryKey(wanted)) return false;
    const known = this.#names.idOf(repositoryKey(wanted));
    if (known !== undefined) return known === repository_id;
    return this.#ask(wanted, () => this.#ids.is(wanted, repository_id));
  }

  /**
   * Turns a job's request for this target into an arrival. Facts that GitHub vouches for replace the
   * request's own.
   * @throws {Refusal} forbidden when the job may not ask for the target; 503 when GitHub must be asked and is
   * unreachable.
   */
  async arrival(request: ParsedRequest, claims: OidcClaims, target: TargetConfig): Promise<Arrival> {
    if (!(await this.isOf(claims, target.repository)))
      throw new Refusal(
        "forbidden",
        `repository_id: ${target.repository} is now another repository than the token's`,
      );
    const approvedFor = claims.environment;
    const binding = bindClaims(request, claims, target);
    if ("refused" in binding) throw new Refusal("forbidden", binding.refused);
    if (binding.proven) {
      const { actor, run_number: number } = claims;
      // The token proves the workflow that the request names.
      const numbered = number === undefined ? {} : { numbered: { workflow: request.workflow ?? "", number } };
      return { ...requestArrival(request, target, { proven: { actor, ...numbered } }), approvedFor };
    }
    const run = await this.#ask(target.repository, async () =>
      readRequestedRun(await this.#github.access.octokit(target.repository), request, target, {
        names: this.#names,
      }),
    );
    if ("refused" in run) throw new Refusal("forbidden", `run_id: ${run.refused}`);
    if ("pending" in run)
      throw new Refusal(
        "unavailable",
        `the run ${request.run_id} has not ended at GitHub yet; ask again when it has`,
        { retryAfterS: RETRY_AFTER_S },
      );
    return { ...requestArrival(request, target, { proven: run.judged.facts }), approvedFor };
  }

  /**
   * The environment whose protection rules the job passed, if it may ask for this target; undefined otherwise. The
   * run that it asks for is still to be judged.
   */
  async approval(
    request: ParsedRequest,
    claims: OidcClaims,
    target: TargetConfig,
  ): Promise<string | undefined> {
    const { environment } = claims;
    if (environment === undefined || !(await this.isOf(claims, target.repository))) return undefined;
    return "refused" in bindClaims(request, claims, target) ? undefined : environment;
  }

  #ask<T>(repository: string, ask: () => Promise<T>): Promise<T> {
    return askGitHub(this.#github, { repository, refused: "forbidden" }, ask);
  }
}
