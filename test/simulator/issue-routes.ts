import { type Actor, actorObjects, actorOf } from "./deployment-object.ts";
import { GitHubError, validationFailed } from "./github-error.ts";
import { listAnswer } from "./paging.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { isoSeconds, nodeId } from "./stable-values.ts";
import type { World } from "./world.ts";

/** An issue with its comments. */
export interface IssueRecord {
  id: number;
  number: number;
  repository: string;
  title: string;
  body: string | null;
  state: "open" | "closed";
  state_reason: string | null;
  labels: string[];
  created_at: string;
  updated_at: string;
  closed_at: string | null;
  by: Actor;
  comments: { id: number; body: string; created_at: string; by: Actor }[];
}

const COLLECTION = "/repos/{owner}/{repo}/issues";
const ONE = `${COLLECTION}/{issue_number}`;
const read = { auth: "token", permission: ["issues", "read"] } as const;
const write = { auth: "token", permission: ["issues", "write"] } as const;

/** Issues, as far as alerts use them. */
export const issueRoutes: Route[] = [
  { method: "GET", path: COLLECTION, ...read, handle: list },
  { method: "POST", path: COLLECTION, ...write, handle: create },
  { method: "GET", path: ONE, ...read, handle: (context) => answer(context, issueIn(context)) },
  { method: "PATCH", path: ONE, ...write, handle: change },
  { method: "GET", path: `${ONE}/comments`, ...read, handle: comments },
  { method: "POST", path: `${ONE}/comments`, ...write, handle: comment },
];

function list(context: RouteContext): Answer {
  const { query, repository, world } = context;
  const state = query.get("state") ?? "open";
  const labels = query.get("labels")?.split(",") ?? [];
  const found = repository.issues.filter(
    (issue) =>
      (state === "all" || issue.state === state) && labels.every((label) => issue.labels.includes(label)),
  );
  return listAnswer(
    context,
    found.toReversed().map((issue) => issueObject(issue, world)),
  );
}

function create(context: RouteContext): Answer {
  const { world, repository, body, caller } = context;
  if (typeof body.title !== "string" || body.title === "")
    throw validationFailed("Issue", "title", "title is required");
  const now = isoSeconds(world.clock.now());
  const issue: IssueRecord = {
    id: world.nextId(),
    number: repository.issues.length + 1,
    repository: repository.full_name,
    title: body.title,
    body: typeof body.body === "string" ? body.body : null,
    state: "open",
    state_reason: null,
    labels: Array.isArray(body.labels) ? body.labels.map(String) : [],
    created_at: now,
    updated_at: now,
    closed_at: null,
    by: actorOf(caller),
    comments: [],
  };
  repository.issues.push(issue);
  world.changes.emit("issue", issue);
  return { ...answer(context, issue), status: 201 };
}

function change(context: RouteContext): Answer {
  const { world, body } = context;
  const issue = issueIn(context);
  const now = isoSeconds(world.clock.now());
  if (typeof body.title === "string") issue.title = body.title;
  if (typeof body.body === "string") issue.body = body.body;
  if (body.state === "open" || body.state === "closed") {
    issue.state = body.state;
    issue.closed_at = body.state === "closed" ? now : null;
    const reason = typeof body.state_reason === "string" ? body.state_reason : "completed";
    issue.state_reason = body.state === "closed" ? reason : "reopened";
  }
  issue.updated_at = now;
  world.changes.emit("issue", issue);
  return answer(context, issue);
}

function comments(context: RouteContext): Answer {
  const issue = issueIn(context);
  return listAnswer(
    context,
    issue.comments.map((one) => commentObject(issue, one, context.world)),
  );
}

function comment(context: RouteContext): Answer {
  const { world, body, caller } = context;
  const issue = issueIn(context);
  if (typeof body.body !== "string" || body.body === "")
    throw validationFailed("IssueComment", "body", "body is required");
  const created_at = isoSeconds(world.clock.now());
  const added = { id: world.nextId(), body: body.body, created_at, by: actorOf(caller) };
  issue.comments.push(added);
  world.changes.emit("issue", issue);
  return { status: 201, body: commentObject(issue, added, world) };
}

function issueIn({ repository, params }: RouteContext): IssueRecord {
  const issue = repository.issues.find(({ number }) => String(number) === params.issue_number);
  if (!issue) throw new GitHubError(404, "Not Found");
  return issue;
}

function answer({ world }: RouteContext, issue: IssueRecord): Answer {
  return { status: 200, body: issueObject(issue, world) };
}

function issueObject(issue: IssueRecord, world: World) {
  const { repository, by, labels, comments: all, ...fields } = issue;
  const repositoryUrl = `https://api.github.com/repos/${repository}`;
  const url = `${repositoryUrl}/issues/${issue.number}`;
  const { creator, performed_via_github_app } = actorObjects(by, world.app);
  return {
    url,
    node_id: nodeId("Issue", issue.id),
    ...fields,
    repository_url: repositoryUrl,
    labels_url: `${url}/labels{/name}`,
    comments_url: `${url}/comments`,
    events_url: `${url}/events`,
    html_url: `https://github.com/${repository}/issues/${issue.number}`,
    user: creator,
    labels: labels.map((name) => ({ name, color: "ededed", default: false })),
    assignee: null,
    assignees: [],
    milestone: null,
    locked: false,
    active_lock_reason: null,
    comments: all.length,
    author_association: "NONE",
    performed_via_github_app,
  };
}

function commentObject(issue: IssueRecord, comment: IssueRecord["comments"][number], world: World) {
  const issueUrl = `https://api.github.com/repos/${issue.repository}/issues/${issue.number}`;
  const { creator, performed_via_github_app } = actorObjects(comment.by, world.app);
  return {
    id: comment.id,
    node_id: nodeId("IssueComment", comment.id),
    url: `https://api.github.com/repos/${issue.repository}/issues/comments/${comment.id}`,
    html_url: `https://github.com/${issue.repository}/issues/${issue.number}#issuecomment-${comment.id}`,
    issue_url: issueUrl,
    body: comment.body,
    user: creator,
    created_at: comment.created_at,
    updated_at: comment.created_at,
    author_association: "NONE",
    performed_via_github_app,
  };
}
