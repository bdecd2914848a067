import { html } from "hono/html";
import { csrfField, type Markup, page } from "../pages/layout.ts";
import { icon } from "../pages/parts/icons.ts";
import { type Checklist, targetSnippet, workflowSnippet } from "./checklist.ts";

export interface ChecklistPage {
  list: Checklist;
  csrfToken: string;
  /** The result of a test delivery just now. */
  tested: { text: string; well: boolean } | null;
}

/**
 * The list of remaining steps once the App exists. GitHub also sends people here after they have installed
 * the App.
 */
export function checklistPage({ list, csrfToken, tested }: ChecklistPage): Markup {
  const { app, repositories } = list;
  const lacking = repositories.filter(({ targets }) => targets.length === 0);
  const facts = "facts" in app ? app.facts : null;
  return page({
    title: "Set up",
    viewer: null,
    csrfToken: null,
    body: html`<div class="narrow wide">
      <div class="page-head"><h1>Set up</h1><a class="button small" href="/setup">Look again</a></div>
      ${"problem" in app && html`<p class="flash warn" role="alert">${icon("warning")}<span>${app.problem}. What it knows is missing below.</span></p>`}
      ${step(facts !== null, "The GitHub App", facts ? html`<p><a href="${facts.url}">${facts.name}</a>. <a href="${facts.settingsUrl}">Its settings at GitHub</a>.</p>` : html`<p>GitHub did not say.</p>`)}
      ${step(
        repositories.length > 0,
        "Install it on your repositories",
        html`<p>${
          facts === null
            ? "GitHub did not say where it is installed."
            : repositories.length === 0
              ? "It is installed on no repository yet."
              : `It is installed on ${repositories.length === 1 ? "one repository" : `${repositories.length} repositories`}.`
        } ${facts && html`<a href="${facts.url}/installations/new">Choose repositories at GitHub</a>.`}</p>`,
      )}
      ${step(
        repositories.length > 0 && lacking.length === 0,
        "Say what each repository deploys",
        html`${facts && repositories.length === 0 && html`<p>Repositories are listed here when the App is installed on them.</p>`}
        <ul>${repositories.map(
          ({ name, targets }) =>
            html`<li>${
              targets.length > 0
                ? html`<p>${icon("check")} <strong>${name}</strong> deploys to ${targets.join(", ")}.</p>`
                : html`<details><summary><strong>${name}</strong> lacks a target</summary>
                <p>Add this to <code>${list.configFile}</code>, adapt it, and check it (<code>--check</code>). Then run <code>twinhook reload</code>.</p>
                <pre class="box code" tabindex="0">${targetSnippet(name)}</pre></details>`
            }</li>`,
        )}</ul>`,
      )}
      ${step(
        list.webhookVerified && (tested?.well ?? list.deliveries > 0),
        "See that GitHub gets through",
        html`${tested && html`<p class="flash ${tested.well ? "good" : "bad"}" role="${tested.well ? "status" : "alert"}">${icon(tested.well ? "check" : "warning")}<span>${tested.text}</span></p>`}
        <p>${list.webhookVerified ? "GitHub has the webhook's URL." : "GitHub has not confirmed the webhook's URL yet."} ${list.deliveries > 0 && "Events have arrived."}</p>
        <form method="post" action="/setup/ping">${csrfField(csrfToken)}
          <button class="button">Let GitHub send a test delivery</button>
          <p class="hint">It sends an earlier event again, one that deploys nothing. This takes up to 12 seconds.</p></form>`,
      )}
      ${step(
        list.deployments > 0,
        "Deploy",
        html`<p>A target deploys by itself when its workflow has succeeded. If the workflow is to wait until the deployment is confirmed, give it this job:</p>
        <details><summary>A job for the workflow</summary><pre class="box code" tabindex="0">${workflowSnippet(list.endpoints)}</pre></details>
        <p>${list.deployments > 0 ? html`There have been deployments. <a href="/deployments">See them</a>.` : "Push to a branch of a target, and see it on the overview."} <a href="/">Overview</a></p>`,
      )}
    </div>`,
  });
}

function step(done: boolean, title: string, body: Markup): Markup {
  return html`<section class="box"><header><h2>${title}</h2>
    <span class="state ${done ? "good" : "quiet"}">${icon(done ? "check" : "clock")}${done ? "done" : "to do"}</span></header>
    <div class="body">${body}</div></section>`;
}
