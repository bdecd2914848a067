import { html } from "hono/html";
import { type Markup, page } from "./layout.ts";
import { icon } from "./parts/icons.ts";

export interface SignInPage {
  /** GitHub's URL, or null when signing in with GitHub is not set up. */
  githubUrl: string | null;
  /** Whether there is an admin token. */
  adminToken: boolean;
  /** The page to open afterwards. */
  returnTo: string;
  /** Why an attempt failed. */
  problem?: string;
}

/** The sign-in page: with GitHub, or with the admin token. */
export function signInPage({ githubUrl, adminToken, returnTo, problem }: SignInPage): Markup {
  return page({
    title: "Sign in",
    viewer: null,
    csrfToken: null,
    body: html`<div class="narrow">
      <h1>Sign in</h1>
      ${problem && html`<p class="flash bad" role="alert">${icon("warning")}<span>${problem}</span></p>`}
      ${
        githubUrl
          ? html`<div><a class="button primary wide" href="/sign-in/github?return_to=${encodeURIComponent(returnTo)}">Sign in with GitHub</a></div>
            <p class="hint">You see the repositories with a deployment target that you may push to, at ${new URL(githubUrl).host}.</p>`
          : html`<p class="flash quiet">${icon("question")}<span>Signing in with GitHub is not set up: the instances need
            <code>GITHUB_CLIENT_ID</code> and <code>GITHUB_CLIENT_SECRET</code>, from the App's page at GitHub.</span></p>`
      }
      ${
        adminToken
          ? html`<form class="box" method="post" action="/sign-in">
            <input type="hidden" name="return_to" value="${returnTo}">
            <div class="body">
              <p class="field">
                <label for="token">Admin token</label>
                <input id="token" name="token" type="password" autocomplete="current-password" required>
                <span class="hint">The value of <code>TWINHOOK_ADMIN_TOKEN</code> in the instances' environment.</span>
              </p>
              <p><button class="button wide">Sign in with the token</button></p>
            </div>
          </form>`
          : html`<p class="hint">There is no admin token: set <code>TWINHOOK_ADMIN_TOKEN</code> in the instances' environment to sign in without GitHub.</p>`
      }
    </div>`,
  });
}
