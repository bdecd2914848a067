import { html } from "hono/html";
import type { Markup } from "../layout.ts";
import { emptyState } from "../parts/list.ts";
import { moment } from "../parts/time.ts";
import type { Settings } from "./read-settings.ts";

/** The named admin tokens: what each may do, its end and its last use. The tokens themselves are nowhere stored. */
export function tokensSection({ tokens, now }: Settings): Markup {
  return html`<section class="box" id="tokens" aria-labelledby="tokens-title">
    <header><h2 id="tokens-title">Tokens</h2><a class="button small" href="/settings/tokens/new">Make one</a></header>
    ${
      tokens.length === 0
        ? emptyState(
            "inbox",
            "No named tokens",
            "A script gets a token of its own here, with no more rights than it needs.",
          )
        : html`<ul class="rows">${tokens.map(
            ({ name, scopes, createdAt, createdBy, expiresAt, lastUsedAt }) => html`<li class="page-head">
          <div><strong>${name}</strong> <span class="muted">${scopes.join(", ")}</span>
            <p class="hint">made ${moment(createdAt)} by <bdi>${createdBy}</bdi> ·
              ${lastUsedAt === null ? "never used" : html`last used ${moment(lastUsedAt)}`} ·
              ${expiresAt === null ? "does not expire" : html`${expiresAt <= now ? "expired" : "expires"} ${moment(expiresAt)}`}</p></div>
          <a class="button small" href="/settings/token-revocation?name=${encodeURIComponent(name)}" data-ask>Revoke ${name}</a>
        </li>`,
          )}</ul>`
    }
  </section>`;
}
