import type { Arrival } from "../../accept/arrival.ts";
import { type ParsedRequest, requestArrival } from "../../accept/deployment-request.ts";
import type { Clock } from "../../clock.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { classifyGitHubError } from "../../github/github-error.ts";
import type { RepositoryAccess } from "../../github/repository-access.ts";
import { RepositoryIds } from "../../github/repository-ids.ts";
import { readRequestedRun } from "../../github/requested-run.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import { HttpProblem } from "../problem.ts";
import { bindClaims } from "./bind-claims.ts";
import type { OidcClaims } from "./claims.ts";

/** How long a client should wait for a GitHub that is away, or for a run to end there (seconds). */
const RETRY_AFTER_S = 5;

/** What a job of GitHub Actions may ask for and see. */
export class JobRights {
  #access: RepositoryAccess;
  #clock: Clock;
  #ids: RepositoryIds;

  constructor({ access, clock }: { access: RepositoryAccess; clock: Clock }) {
    this.#access = access;
    this.#clock = clock;
    this.#ids = new RepositoryIds({ access, clock });
  }

  /**
   * Whether the job is of this repository, by name and by id: another one may have taken over the name.
   * @throws {HttpProblem} 503 when GitHub must be asked and is away, 403 when it refuses the App.
   */
  async isOf({ repository_id, repository }: OidcClaims, wanted: string): Promise<boolean> {
    if (repositoryKey(repository) !== repositoryKey(wanted)) return false;
    return this.#atGitHub(wanted, () => this.#ids.is(wanted, repository_id));
  }

  /**
   * The request of a job for this target, with what GitHub vouches for in place of what it says.
   * @throws {HttpProblem} 403 when the job may not ask for it, 503 when GitHub must be asked and is away.
   */
  async arrival(request: ParsedRequest, claims: OidcClaims, target: TargetConfig): Promise<Arrival> {
    if (!(await this.isOf(claims, target.repository)))
      throw new HttpProblem(
        403,
        `repository_id: ${target.repository} is another repository by now than the one that the token is of`,
      );
    const binding = bindClaims(request, claims, target);
    if ("refused" in binding) throw new HttpProblem(403, binding.refused);
    if (binding.proven) return requestArrival(request, target, { proven: { actor: claims.actor } });
    const run = await this.#atGitHub(target.repository, async () =>
      readRequestedRun(await this.#access.octokit(target.repository), request, target),
    );
    if ("refused" in run) throw new HttpProblem(403, `run_id: ${run.refused}`);
    if ("pending" in run)
      throw later(
        `the run ${request.run_id} has not ended at GitHub yet; ask again when it has`,
        RETRY_AFTER_S,
      );
    return requestArrival(request, target, { proven: run.judged.facts });
  }

  async #atGitHub<T>(repository: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const failure = classifyGitHubError(error, this.#clock.now());
      if (failure.kind === "refused") {
        this.#access.forget();
        throw new HttpProblem(
          403,
          `GitHub does not let the App look at ${repository}: install the App on it, with the permission Actions: read`,
        );
      }
      throw later(
        `the token must be compared with what GitHub says, and GitHub cannot be asked (${(error as Error).message}); send it again`,
        failure.kind === "rate_limited" ? Math.ceil(failure.delayMs / 1_000) : RETRY_AFTER_S,
      );
    }
  }
}

function later(detail: string, seconds: number): HttpProblem {
  return new HttpProblem(503, detail, { "retry-after": String(seconds) });
}
