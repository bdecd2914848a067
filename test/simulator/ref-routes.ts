import { accountObject } from "./account-object.ts";
import { GitHubError } from "./github-error.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { nodeId, stableSha } from "./stable-values.ts";
import type { RepositoryRecord } from "./world.ts";

/** Branches, tags and the comparison of commits. */
export const refRoutes: Route[] = [
  {
    method: "GET",
    path: "/repos/{owner}/{repo}/git/matching-refs/{ref}",
    auth: "token",
    permission: ["contents", "read"],
    handle: matchingRefs,
  },
  {
    method: "GET",
    path: "/repos/{owner}/{repo}/git/tags/{tag_sha}",
    auth: "token",
    permission: ["contents", "read"],
    handle: tagObject,
  },
  {
    method: "GET",
    path: "/repos/{owner}/{repo}/compare/{basehead}",
    auth: "token",
    permission: ["contents", "read"],
    handle: compare,
  },
];

function matchingRefs({ repository, params }: RouteContext): Answer {
  const api = `https://api.github.com/repos/${repository.full_name}/git`;
  const refs = [
    ...[...repository.branches].map(([name, sha]) => ({ ref: `refs/heads/${name}`, type: "commit", sha })),
    ...[...repository.tags].map(([name, sha]) => {
      const type = repository.tagObjects.has(sha) ? "tag" : "commit";
      return { ref: `refs/tags/${name}`, type, sha };
    }),
  ];
  const body = refs
    .filter(({ ref }) => ref.startsWith(`refs/${params.ref}`))
    .map(({ ref, type, sha }) => ({
      ref,
      node_id: nodeId("Ref", 1),
      url: `${api}/${ref}`,
      object: { type, sha, url: `${api}/${type}s/${sha}` },
    }));
  return { status: 200, body };
}

/** The object of an annotated tag, which points to a commit. */
function tagObject({ repository, params: { tag_sha: sha = "" } }: RouteContext): Answer {
  const api = `https://api.github.com/repos/${repository.full_name}/git`;
  const commit = repository.tagObjects.get(sha);
  const [name] = [...repository.tags].find(([, one]) => one === sha) ?? [];
  if (commit === undefined || name === undefined) throw new GitHubError(404, "Not Found");
  const body = {
    ...{ node_id: nodeId("Tag", 1), tag: name, sha, url: `${api}/tags/${sha}`, message: `Release ${name}` },
    tagger: { name: "octocat", email: "octocat@example.com", date: "2026-01-05T08:00:00Z" },
    object: { type: "commit", sha: commit, url: `${api}/commits/${commit}` },
  };
  return { status: 200, body };
}

/** A commit of a branch follows the earlier commits of that branch; other commits have nothing in common. */
function compare({ repository, params }: RouteContext): Answer {
  const [base = "", head = ""] = (params.basehead ?? "").split("...");
  const pushed = [...repository.pushed.values()].find((commits) => commits.includes(head));
  if (!pushed) throw new GitHubError(404, "Not Found");
  const behind = pushed.indexOf(head) - pushed.indexOf(base);
  const shared = pushed.includes(base);
  const url = `https://api.github.com/repos/${repository.full_name}/compare/${params.basehead}`;
  const between =
    shared && behind > 0 ? pushed.slice(pushed.indexOf(base) + 1, pushed.indexOf(head) + 1) : [];
  return {
    status: 200,
    body: {
      ...{ url, html_url: url, permalink_url: url, diff_url: `${url}.diff`, patch_url: `${url}.patch` },
      base_commit: commitObject(repository, base),
      merge_base_commit: commitObject(repository, shared && behind > 0 ? base : (pushed[0] ?? head)),
      status: !shared ? "diverged" : behind === 0 ? "identical" : behind > 0 ? "ahead" : "behind",
      ahead_by: Math.max(0, shared ? behind : 1),
      behind_by: shared ? Math.max(0, -behind) : 1,
      total_commits: between.length,
      commits: between.map((sha) => commitObject(repository, sha)),
      files: [],
    },
  };
}

function commitObject({ full_name }: RepositoryRecord, sha: string) {
  const api = `https://api.github.com/repos/${full_name}`;
  const by = { name: "octocat", email: "octocat@example.com", date: "2026-01-05T08:00:00Z" };
  const tree = stableSha(`tree of ${sha}`);
  return {
    url: `${api}/commits/${sha}`,
    sha,
    node_id: nodeId("Commit", 1),
    html_url: `https://github.com/${full_name}/commit/${sha}`,
    comments_url: `${api}/commits/${sha}/comments`,
    commit: {
      url: `${api}/git/commits/${sha}`,
      author: by,
      committer: by,
      message: `Change ${sha.slice(0, 7)}`,
      tree: { sha: tree, url: `${api}/git/trees/${tree}` },
      comment_count: 0,
    },
    author: accountObject("octocat"),
    committer: accountObject("octocat"),
    parents: [],
  };
}
