import { html } from "hono/html";
import type { Config } from "../../config/load.ts";
import type { AppFacts } from "../../github/app-facts.ts";
import { missingPermissions, neededPermissions } from "../../github/manifest.ts";
import { repositoryKey } from "../../store/repository-key.ts";
import type { Markup } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import type { Settings } from "./read-settings.ts";

/** The App's permissions at GitHub, the missing ones, and links to grant them. */
export function permissionsSection({ app }: Settings, config: Config): Markup {
  return html`<section class="box" id="permissions" aria-labelledby="permissions-title">
    <header><h2 id="permissions-title">Permissions at GitHub</h2>
      ${"facts" in app && html`<a class="button small" href="${app.facts.settingsUrl}/permissions">Change them at GitHub</a>`}</header>
    ${
      "problem" in app
        ? html`<div class="body"><p class="flash warn">${icon("warning")}<span>${app.problem}.</span></p></div>`
        : permissions(app.facts, config)
    }
  </section>`;
}

function permissions(app: AppFacts, config: Config): Markup {
  const needed = neededPermissions({
    broadcast: config.webhook.mode === "broadcast",
    issueAlerts: config.alerts.some(({ type }) => type === "github_issue"),
  });
  const missing = missingPermissions(needed, app.permissions);
  const reached = new Set(app.installations.flatMap(({ repositories }) => repositories.map(repositoryKey)));
  const unreached = [...new Set(config.targets.map(({ repository }) => repository))].filter(
    (name) => !reached.has(repositoryKey(name)),
  );
  return html`<div class="body">
      <dl class="facts">${Object.entries(needed).map(([name, level]) => {
        const lacks = missing.some((one) => one.startsWith(`${name}:`));
        return html`<dt>${name}: ${level}</dt><dd>${
          lacks
            ? html`<span class="state bad">${icon("cross")}missing</span> <a href="${app.settingsUrl}/permissions">give it to the App</a>`
            : html`<span class="state good">${icon("check")}given</span>`
        }</dd>`;
      })}</dl>
      ${
        unreached.length > 0 &&
        html`<p class="flash warn">${icon("warning")}<span>The App is not installed on ${unreached.join(", ")}, for which there is a target:
          <a href="${app.url}/installations/new">install it there</a>.</span></p>`
      }
    </div>
    <ul class="rows">${app.installations.map((one) => installation(one, missingPermissions(needed, one.permissions)))}</ul>
    ${app.installations.length === 0 && html`<div class="body"><p>The App is installed nowhere: <a href="${app.url}/installations/new">install it</a>.</p></div>`}`;
}

function installation(one: AppFacts["installations"][number], missing: readonly string[]): Markup {
  return html`<li><strong>${one.account}</strong>
    ${one.suspended && html`<span class="state bad">${icon("cross")}suspended</span>`}
    <span class="muted">${one.repositories.length === 1 ? "1 repository" : `${one.repositories.length} repositories`}</span>
    <a href="${one.url}">its page at GitHub</a>
    ${missing.length > 0 && html`<p class="hint">Has not accepted ${missing.join(", ")}: the account's owner does that there.</p>`}
  </li>`;
}
