import { createHash } from "node:crypto";
import { classifyGitHubError } from "../../github/github-error.ts";
import {
  callLimit,
  type Octokit,
  ownerAndName,
  type RepositoryAccess,
} from "../../github/repository-access.ts";
import type { Alert, Message } from "../alert.ts";
import { printable } from "../post-json.ts";
import { SendError } from "../send-error.ts";
import { fitting, partsOf, signOf } from "./channel.ts";

/** The label of the issues that this App keeps. */
const LABEL = "twinhook";
const MAX_PART = 2_000;

/**
 * Escapes foreign text for GitHub's Markdown, so that it formats and links nothing. Nor does it mention a person, team,
 * issue or commit.
 */
export function escapeGitHub(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[\\`*_~[\]()!|]/g, "\\$&")
    .replaceAll(/[@#]/g, "$&\u200B")
    .replaceAll("://", ":\u200B//")
    .replaceAll(/\b(www\.|GH-)/gi, "$&\u200B")
    .replaceAll(/[\r\n]+\s*/g, " ");
}

/** Escapes foreign text for a title, where GitHub knows only mentions and code. */
function escapeTitle(text: string): string {
  return printable(text).replaceAll(/[@#`]/g, "$&\u200B");
}

function bodyOf(alert: Alert): string {
  const parts = partsOf(alert).map(([name, text]) => `**${name}:** ${fitting(text, MAX_PART, escapeGitHub)}`);
  return [
    `${signOf(alert)} **${fitting(alert.title, MAX_PART, escapeGitHub)}**`,
    ...parts,
    `[Open](${encodeURI(decodeURI(alert.url))})`,
  ].join("\n\n");
}

/** Hidden comments that identify an alert and its incident. They are hashes, so that they hold no foreign text. */
const alertMark = ({ id }: Alert) => `<!-- twinhook ${mark(id)} -->`;
const incidentMark = ({ kind, subject }: Alert) => `<!-- twinhook incident ${mark(`${kind} ${subject}`)} -->`;
const mark = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 24);

interface Issue {
  number: number;
  body?: string | null;
}

/**
 * Keeps an issue for each incident: opens it at the start, comments when it happens again, closes it at the end. Every
 * step first checks whether it was done already, so that it can be repeated.
 */
export function sendToIssues(access: RepositoryAccess, repository: string) {
  const place = ownerAndName(repository);
  return async ({ alerts }: Message): Promise<void> => {
    try {
      const octokit = await access.octokit(repository);
      for (const alert of alerts) await tell(octokit, alert);
    } catch (error) {
      const failure = classifyGitHubError(error, Date.now());
      const { status } = error as { status?: number };
      if (failure.kind === "rate_limited")
        throw new SendError("GitHub asks to wait", { retryAfterMs: failure.delayMs });
      if (failure.kind === "refused") {
        access.forget(repository);
        if (failure.obstacle) throw new SendError(`GitHub answered 403; ${failure.remedy}`);
      }
      throw new SendError(
        status === undefined
          ? "GitHub cannot be reached"
          : `GitHub answered ${status}; the App needs the permission Issues: write, and to be installed on ${repository} with its issues turned on`,
      );
    }
  };

  async function tell(octokit: Octokit, alert: Alert): Promise<void> {
    const text = `${bodyOf(alert)}\n\n${alertMark(alert)}`;
    if (alert.state === "event") {
      const issue = (await find(octokit, "all", alertMark(alert))) ?? (await open(octokit, alert, `${text}`));
      return close(octokit, issue);
    }
    const issue = await find(octokit, "open", incidentMark(alert));
    if (!issue) {
      if (alert.state === "firing") await open(octokit, alert, `${text}\n${incidentMark(alert)}`);
      return;
    }
    if (!(await isTold(octokit, issue, alert)))
      await octokit.request("POST /repos/{owner}/{repo}/issues/{issue_number}/comments", {
        ...place,
        issue_number: issue.number,
        body: text,
        request: callLimit(),
      });
    if (alert.state === "resolved") await close(octokit, issue);
  }

  async function find(octokit: Octokit, state: "open" | "all", text: string): Promise<Issue | undefined> {
    for (let page = 1; ; page++) {
      const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues", {
        ...place,
        labels: LABEL,
        state,
        per_page: 100,
        page,
        request: callLimit(),
      });
      const found = data.find((issue) => issue?.body?.includes(text));
      // The issue of an event was opened lately, so that it is on the first page, if there is one.
      if (found || data.length < 100 || state === "all") return found;
    }
  }

  async function isTold(octokit: Octokit, issue: Issue, alert: Alert): Promise<boolean> {
    if (issue.body?.includes(alertMark(alert))) return true;
    const { data } = await octokit.request("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", {
      ...place,
      issue_number: issue.number,
      since: new Date(Date.parse(alert.at) - 3_600_000).toISOString(),
      per_page: 100,
      request: callLimit(),
    });
    return data.some((comment) => comment?.body?.includes(alertMark(alert)));
  }

  async function open(octokit: Octokit, alert: Alert, body: string): Promise<Issue> {
    const { data } = await octokit.request("POST /repos/{owner}/{repo}/issues", {
      ...place,
      title: fitting(alert.title, 250, escapeTitle),
      body,
      labels: [LABEL],
      request: callLimit(),
    });
    return data;
  }

  async function close(octokit: Octokit, { number }: Issue): Promise<void> {
    await octokit.request("PATCH /repos/{owner}/{repo}/issues/{issue_number}", {
      ...place,
      issue_number: number,
      state: "closed",
      state_reason: "completed",
      request: callLimit(),
    });
  }
}
