import { branchRef, isBranch, refsOfName } from "../config/refs.ts";
import { callLimit, type Octokit, ownerAndName } from "../github/repository-access.ts";

/** A tag object may point to another one. Nobody builds longer chains. */
const MOST_TAG_OBJECTS = 5;

/** A name of branches and tags. */
export interface Place {
  repository: string;
  name: string;
}

interface GitObject {
  sha: string;
  type: string;
}

/** The branch and the tag of one name at GitHub. Each is asked for once, and the branch only if a question needs it. */
export class NamedRefs {
  #octokit: Octokit;
  #place: Place;
  #signal: AbortSignal;
  #tag: GitObject | null = null;
  #commit: Promise<string | null> | undefined;
  #head: Promise<string | null> | undefined;

  private constructor(octokit: Octokit, place: Place, signal: AbortSignal) {
    this.#octokit = octokit;
    this.#place = place;
    this.#signal = signal;
  }

  /** @throws GitHub's error if it does not tell whether there is a tag of this name. */
  static async read(octokit: Octokit, place: Place, signal: AbortSignal): Promise<NamedRefs> {
    const named = new NamedRefs(octokit, place, signal);
    named.#tag = await named.#find(refsOfName(branchRef(place.name))[1]);
    return named;
  }

  get isTag(): boolean {
    return this.#tag !== null;
  }

  /** Why a run of this commit is not of this ref; null if it may be. Without a tag, it is of the branch. */
  async whyNot(ref: string, sha: string): Promise<string | null> {
    if (!isBranch(ref)) {
      this.#commit ??= this.#peel();
      if (!this.isTag) return "there is no tag of this name";
      return (await this.#commit) === sha ? null : "the tag does not have its commit";
    }
    if (!this.isTag) return null;
    this.#head ??= this.#find(ref).then((found) => found?.sha ?? null);
    const head = await this.#head;
    return head !== null && (await this.#reaches(head, sha)) ? null : "the branch does not have its commit";
  }

  async #find(ref: string): Promise<GitObject | null> {
    const { data } = await this.#octokit.request("GET /repos/{owner}/{repo}/git/matching-refs/{ref}", {
      ...ownerAndName(this.#place.repository),
      ref: ref.replace(/^refs\//, ""),
      request: callLimit(this.#signal),
    });
    return data.find((one) => one.ref === ref)?.object ?? null;
  }

  /** The commit of the tag. An annotated tag is an object of its own that points to the commit. */
  async #peel(): Promise<string | null> {
    let object = this.#tag;
    for (let step = 0; object?.type === "tag" && step < MOST_TAG_OBJECTS; step++) {
      const { data } = await this.#octokit.request("GET /repos/{owner}/{repo}/git/tags/{tag_sha}", {
        ...ownerAndName(this.#place.repository),
        tag_sha: object.sha,
        request: callLimit(this.#signal),
      });
      object = data.object;
    }
    return object?.type === "commit" ? object.sha : null;
  }

  /** Whether `sha` is `head`, or an ancestor of it. */
  async #reaches(head: string, sha: string): Promise<boolean> {
    if (head === sha) return true;
    try {
      const { data } = await this.#octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
        ...ownerAndName(this.#place.repository),
        basehead: `${sha}...${head}`,
        per_page: 1,
        request: callLimit(this.#signal),
      });
      return data.status === "ahead" || data.status === "identical";
    } catch (error) {
      // GitHub has no such commit, or the two have nothing in common.
      if ((error as { status?: number }).status === 404) return false;
      throw error;
    }
  }
}
