import { html } from "hono/html";
import type { Visit } from "../../auth/sign-in.ts";
import { deployScope } from "../../auth/token-scopes.ts";
import type { TargetConfig } from "../../config/schema.ts";
import type { TokenMadeAnswer } from "../../reads/answers/token.ts";
import { csrfField, type Markup, page } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { sentence } from "../parts/sentence.ts";
import type { Fields } from "../signed-in.ts";

/** A scope's checkbox has this name and the scope. */
const SCOPE = "scope ";
const LIFETIMES = [
  ["", "never"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
] as const;
const DAY_MS = 86_400_000;

/** The form that makes a token, with what was filled in before and why that was refused. */
export function newTokenPage(
  targets: readonly TargetConfig[],
  { fields, problem }: { fields: Fields; problem?: string },
  { viewer, csrfToken }: Visit,
): Markup {
  const scopes: [scope: string, says: string][] = [
    ["read", "read: sees everything, and changes nothing"],
    ...targets.map(({ repository, name }): [string, string] => [
      deployScope(repository, name),
      `deploy, retry, cancel, roll back and hold ${name} of ${repository}, and see nothing else`,
    ]),
    ["admin", "admin: does everything"],
  ];
  return page({
    title: "Make a token",
    place: "settings",
    viewer,
    csrfToken,
    body: html`<div class="narrow wide"><form class="box" method="post" action="/settings/tokens" aria-labelledby="token-title">
      <header><h1 id="token-title" class="question">Make a token</h1></header>
      <div class="body">
        ${problem !== undefined && html`<p class="flash bad" role="alert">${icon("warning")}<span>${sentence(problem)}</span></p>`}
        ${csrfField(csrfToken)}
        <p class="field"><label for="name">Name</label>
          <input id="name" name="name" required maxlength="63" autocomplete="off" value="${fields.name ?? ""}">
          <span class="hint">It stands in the list of what people did, such as: ci-bot</span></p>
        <fieldset><legend class="label">It may</legend>
          ${scopes.map(
            ([scope, says]) =>
              html`<p><label><input type="checkbox" name="${SCOPE}${scope}" value="1"${
                fields[SCOPE + scope] !== undefined && html` checked`
              }> ${says}</label></p>`,
          )}
        </fieldset>
        <p class="field"><label for="days">It expires</label>
          <select id="days" name="days">${LIFETIMES.map(
            ([days, says]) =>
              html`<option value="${days}"${days === (fields.days ?? "90") && html` selected`}>${says}</option>`,
          )}</select></p>
        <div class="actions"><a class="button" href="/settings">Leave it</a><button class="button primary">Make it</button></div>
      </div>
    </form></div>`,
  });
}

/** The request that a filled-in form makes. */
export function requestedToken(fields: Fields, now: number) {
  const days = Number(fields.days);
  return {
    name: (fields.name ?? "").trim(),
    scopes: Object.keys(fields).flatMap((name) => (name.startsWith(SCOPE) ? [name.slice(SCOPE.length)] : [])),
    expires_at: days > 0 ? new Date(now + days * DAY_MS).toISOString() : null,
  };
}

/** The only page that ever shows a token. */
export function tokenMadePage(
  { name, token, scopes }: TokenMadeAnswer,
  { viewer, csrfToken }: Visit,
): Markup {
  return page({
    title: "Token made",
    place: "settings",
    viewer,
    csrfToken,
    body: html`<div class="narrow wide">
      <h1>The token ${name}</h1>
      <p class="flash good" role="status">${icon("check")}<span>Copy it now: it is not shown again.</span></p>
      <p><code>${token}</code></p>
      <p>Send it as <code>Authorization: Bearer</code>, or give it to <code>twinhook --token</code>. It may: ${scopes.join(", ")}.</p>
      <div class="actions"><a class="button primary" href="/settings">Back to the settings</a></div>
    </div>`,
  });
}
