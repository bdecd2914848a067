import type { Probot } from "probot";
import { NO_NAMES, type RepositoryNames } from "../accept/repository-names.ts";
import { type Clock, systemClock } from "../clock.ts";
import { accountOf, repositoryKey } from "../store/repository-key.ts";

const CALL_LIMIT_MS = 10_000;

export type Octokit = Awaited<ReturnType<Probot["auth"]>>;

/** The least time between two look-ups of an account's installation after refusals: at first, and at most. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Returns clients with the App's permissions on a repository. An installation covers an account, so one look-up serves
 * all of the account's repositories. Clients ask for a renamed repository by its present name, whichever name the caller
 * uses: another repository may have the old one by now.
 */
export class RepositoryAccess {
  #newApp: () => Promise<Probot>;
  #app: Promise<Probot> | undefined;
  #clock: Clock;
  #names: RepositoryNames;
  /** By account; null if GitHub named another account, to which the repository was moved. */
  #ofAccount = new Map<string, Promise<Octokit | null>>();
  /** By repository: clients that serve no other repository. */
  #ofRepository = new Map<string, Promise<Octokit>>();
  /** By account: when its installation may be looked up anew (ms, monotonic), and the pause before that (ms). */
  #renewals = new Map<string, { notBefore: number; pauseMs: number }>();

  /** `newApp` makes the App with nothing cached. */
  constructor(newApp: () => Promise<Probot>, clock: Clock = systemClock, names: RepositoryNames = NO_NAMES) {
    this.#newApp = newApp;
    this.#clock = clock;
    this.#names = names;
  }

  /** A client for `owner/name`. */
  async octokit(fullName: string): Promise<Octokit> {
    const repository = this.#names.nameOf(fullName);
    const key = repositoryKey(repository);
    const account = accountOf(repository);
    const own = this.#ofRepository.get(key);
    if (own) return own;
    // Without a pending look-up nothing is awaited here. So the first of many callers looks up for all.
    const shared = this.#ofAccount.get(account);
    const known = shared && (await shared.catch(() => null));
    if (known) return known;
    return this.#lookUp(repository, key, account);
  }

  #lookUp(repository: string, key: string, account: string): Promise<Octokit> {
    const found = this.#find(repository, account);
    const own = found.then(({ octokit }) => octokit);
    const ofAccount = found.then(({ octokit, covers }) => (covers ? octokit : null));
    this.#ofRepository.set(key, own);
    this.#ofAccount.set(account, ofAccount);
    // A failure must not answer later callers, and a client of the whole account needs no second entry.
    const leave = <T>(map: Map<string, T>, name: string, mine: T) => {
      if (map.get(name) === mine) map.delete(name);
    };
    ofAccount.then(
      (octokit) => octokit && leave(this.#ofRepository, key, own),
      () => {
        leave(this.#ofRepository, key, own);
        leave(this.#ofAccount, account, ofAccount);
      },
    );
    return own;
  }

  /**
   * Forgets the installation of this repository, and its token. After a refusal the App may be installed anew, or get
   * permissions that the old token does not have. The pause between two look-ups grows, so that a repository that
   * GitHub keeps refusing costs few.
   */
  forget(fullName: string): void {
    const repository = this.#names.nameOf(fullName);
    const account = accountOf(repository);
    const now = this.#clock.monotonic();
    const { notBefore, pauseMs } = this.#renewals.get(account) ?? { notBefore: 0, pauseMs: 0 };
    if (now < notBefore) return;
    const quiet = now > notBefore + 10 * LONGEST_PAUSE_MS;
    const pause = quiet ? FIRST_PAUSE_MS : Math.min(Math.max(2 * pauseMs, FIRST_PAUSE_MS), LONGEST_PAUSE_MS);
    this.#renewals.set(account, { notBefore: now + pause, pauseMs: pause });
    this.#ofAccount.delete(account);
    this.#ofRepository.delete(repositoryKey(repository));
  }

  async #find(repository: string, account: string): Promise<{ octokit: Octokit; covers: boolean }> {
    this.#app ??= this.#newApp();
    // The App caches tokens, and a token from before the refusal is of no use.
    const app = await (this.#renewals.has(account) ? this.#newApp() : this.#app);
    const jwt = await app.auth();
    const { data } = await jwt.request("GET /repos/{owner}/{repo}/installation", {
      ...ownerAndName(repository),
      request: callLimit(),
    });
    const octokit = await app.auth(data.id);
    octokit.hook.before("request", (asked) => {
      const { owner, repo } = asked;
      if (owner && repo) Object.assign(asked, ownerAndName(this.#names.nameOf(`${owner}/${repo}`)));
    });
    const login = (data.account as { login?: string } | null)?.login;
    return { octokit, covers: login?.toLowerCase() === account };
  }
}

export function ownerAndName(repository: string): { owner: string; repo: string } {
  const [owner = "", repo = ""] = repository.split("/");
  return { owner, repo };
}

/** The time limit of a call, combined with the caller's signal. */
export function callLimit(signal?: AbortSignal): { signal: AbortSignal } {
  const timeout = AbortSignal.timeout(CALL_LIMIT_MS);
  return { signal: signal ? AbortSignal.any([signal, timeout]) : timeout };
}
