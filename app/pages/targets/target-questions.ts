import { html } from "hono/html";
import type { RollbackPlan } from "../../accept/roll-back.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { DeploymentRecord } from "../../store/schema.ts";
import { csrfField, type Frame, type Markup, page } from "../layout.ts";
import { commitLink, compareLink } from "../parts/github-links.ts";
import { icon } from "../parts/icons.ts";
import { sentence } from "../parts/sentence.ts";
import { moment } from "../parts/time.ts";
import type { Fields } from "../signed-in.ts";

/** So many of the commits that go are listed; GitHub's comparison shows all. */
const SHOWN = 20;

/** The second click of a command: it says what will happen, and does it. */
export interface Question {
  title: string;
  /** What will happen, and the fields to fill in. */
  body: Markup;
  /** The text of the button. */
  label: string;
  danger?: boolean;
}

/** The page of a question. `problem` says why the answer before was refused. */
export function questionPage(
  question: Question,
  { action, back, problem }: { action: string; back: string; problem?: string | undefined },
  frame: Frame,
): Markup {
  const { title, body, label, danger } = question;
  return page({
    title,
    place: "deployments",
    ...frame,
    body: html`<div class="narrow wide">
      ${problem !== undefined && html`<p class="flash bad" role="alert">${icon("warning")}<span>${sentence(problem)}</span></p>`}
      <form class="box" method="post" action="${action}" aria-labelledby="question-title">
        <header><h1 id="question-title" class="question">${title}</h1></header>
        <div class="body">
          ${body}
          ${csrfField(frame.csrfToken)}
          <div class="actions">
            <a class="button" href="${back}">Leave it</a>
            <button class="button ${danger ? "danger" : "primary"}">${label}</button>
          </div>
        </div>
      </form>
    </div>`,
  });
}

interface About {
  target: TargetConfig;
  /** GitHub's own URL. */
  github: string;
}

/** Asks before a rollback: which commit goes live, and which ones go. */
export function rollbackQuestion(
  { goal, live, gone }: RollbackPlan,
  { target, github, fields }: About & { fields: Fields },
): Question {
  const { repository } = target;
  const commit = (row: Pick<DeploymentRecord, "sha" | "commit_title">) =>
    html`${commitLink(github, repository, row.sha)} ${row.commit_title && html`<bdi class="commit-title">${row.commit_title}</bdi>`}`;
  const compared = { from: goal.sha, to: live?.sha ?? goal.sha };
  return {
    title: `Roll back ${target.name} of ${repository}`,
    label: `Roll back to ${goal.sha.slice(0, 7)}`,
    danger: true,
    body: html`<dl class="facts">
        <dt>Goes live</dt><dd>${commit(goal)}</dd>
        <dt>Live now</dt><dd>${live ? commit(live) : "nothing"}</dd>
        <dt>Go</dt><dd>${
          gone.length === 0
            ? "none: this commit is live"
            : html`<ul>${gone
                .slice(0, SHOWN)
                .map(
                  (row) =>
                    html`<li>${commit(row)} <span class="muted small">${row.actor !== null && html`by <bdi>${row.actor}</bdi>, `}${moment(row.finished_at ?? row.accepted_at)}</span></li>`,
                )}</ul>
              ${compareLink(github, repository, { ...compared, text: "Compare at GitHub: every commit that goes" })}`
        }</dd>
      </dl>
      <input type="hidden" name="to" value="${goal.sha}"><input type="hidden" name="live" value="${live?.id ?? ""}">
      ${reasonField({ fields, placeholder: "such as: the checkout is broken" })}
      <p><label><input type="checkbox" name="hold" value="1"${fields.csrf_token !== undefined && fields.hold !== "1" ? "" : " checked"}>
        Hold the target, so that newer runs wait until it is released</label></p>`,
  };
}

/** Asks before a hold. */
export function holdQuestion(
  live: DeploymentRecord | undefined,
  { target, github, fields }: About & { fields: Fields },
): Question {
  return {
    title: `Hold ${target.name} of ${target.repository}`,
    label: "Hold",
    body: html`<p>New runs are accepted, and wait until somebody releases the target. A command that runs goes on.
      ${live ? html`${commitLink(github, target.repository, live.sha)} stays live.` : "Nothing is live yet."}</p>
      ${reasonField({ fields, placeholder: "such as: no changes before the sale", required: true })}
      <p class="field"><label for="until">Until (UTC; empty: until somebody releases it)</label>
        <input id="until" name="until" type="datetime-local" value="${fields.until ?? ""}"></p>`,
  };
}

/** Asks before a release: which commit goes live, and which runs are left out. */
export function releaseQuestion(
  {
    due,
    waiting,
    live,
  }: { due: readonly DeploymentRecord[]; waiting: number; live: DeploymentRecord | undefined },
  { target, github }: About,
): Question {
  const { repository } = target;
  const last = due.at(-1);
  const from = live && last && live.sha !== last.sha ? live.sha : null;
  return {
    title: `Release ${target.name} of ${repository}`,
    label: "Release",
    body: html`<dl class="facts">
        <dt>Live now</dt><dd>${live ? commitLink(github, repository, live.sha) : "nothing"}</dd>
        <dt>Goes live</dt><dd>${
          last === undefined
            ? "nothing waits: the next run is deployed as usual"
            : html`${commitLink(github, repository, last.sha)} ${last.commit_title && html`<bdi class="commit-title">${last.commit_title}</bdi>`}`
        }</dd>
        ${last !== undefined && html`<dt>Waiting</dt><dd>${waitingEffect({ due: due.length, waiting })}</dd>`}
      </dl>
      ${from !== null && last && html`<p>${compareLink(github, repository, { from, to: last.sha, text: "Compare at GitHub: every commit that comes" })}</p>`}`,
  };
}

/** What becomes of the runs that wait. */
function waitingEffect({ due, waiting }: { due: number; waiting: number }): string {
  const others = waiting - due;
  const begin = due === 1 ? "1 run begins" : `${due} runs begin, one after the other`;
  return others === 0 ? begin : `${begin}; ${others} older ${others === 1 ? "is" : "are"} superseded`;
}

function reasonField({
  fields,
  placeholder,
  required = false,
}: {
  fields: Fields;
  placeholder: string;
  required?: boolean;
}): Markup {
  return html`<p class="field"><label for="reason">Reason</label>
    <input id="reason" name="reason" maxlength="500" autocomplete="off" placeholder="${placeholder}" value="${fields.reason ?? ""}"${required ? " required" : ""}></p>`;
}
