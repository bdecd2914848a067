import { html } from "hono/html";
import { csrfField, type Markup, page } from "../pages/layout.ts";
import { icon } from "../pages/parts/icons.ts";
import { MAX_NAME } from "./first-run-form.ts";

export interface StartPage {
  csrfToken: string;
  /** The instances of twinhook.yml; null when the file does not exist yet. */
  urls: readonly string[] | null;
  /** The path of the new configuration. */
  configFile: string;
  envFile: string;
  /** The variables in the `.env` file that would be replaced. */
  replaced: readonly string[];
  /** The GitHub that the environment names; null when the person may choose. */
  githubUrl: string | null;
  chosen: Record<string, string>;
  problem?: string;
}

const frame = (title: string, body: Markup, scripts: readonly string[] = []) =>
  page({ title, viewer: null, csrfToken: null, body, scripts });

/** The first step: the App's name and owner, and the URLs of the instances. */
export function startPage(o: StartPage): Markup {
  const value = (name: string, otherwise = "") => o.chosen[name] ?? otherwise;
  return frame(
    "Set up",
    html`<div class="narrow wide">
      <h1>Make the GitHub App</h1>
      <p>Twinhook is a GitHub App of your own. GitHub makes it with the permissions and events that it needs, and sends you back here.</p>
      ${o.problem !== undefined && html`<p class="flash bad" role="alert">${icon("warning")}<span>${o.problem}</span></p>`}
      <form class="box" method="post" action="/setup/app">${csrfField(o.csrfToken)}<div class="body">
        <p class="field"><label for="name">Name</label>
          <input id="name" name="name" required maxlength="${MAX_NAME}" value="${value("name", "Twinhook")}">
          <span class="hint">Names of Apps are unique at GitHub: put your team's name into it.</span></p>
        <p class="field"><label for="organization">Organization</label>
          <input id="organization" name="organization" autocomplete="off" value="${value("organization")}">
          <span class="hint">Its login, such as acme. Leave it empty to make the App your own.</span></p>
        ${
          o.githubUrl === null
            ? html`<p class="field"><label for="github_host">GitHub Enterprise Server</label>
              <input id="github_host" name="github_host" autocomplete="off" value="${value("github_host")}">
              <span class="hint">Its host name, such as github.example.com or octocorp.ghe.com. Leave it empty for github.com.</span></p>`
            : html`<p class="hint">At ${o.githubUrl}, as GHE_HOST says.</p>`
        }
        ${
          o.urls === null
            ? html`<p class="field"><label for="url_primary">URL of the primary</label>
              <input id="url_primary" name="url_primary" type="url" required value="${value("url_primary")}">
              <span class="hint">Where GitHub will reach it, such as https://deploy.example.com:9000. It listens on 127.0.0.1:9100; let your proxy pass this URL on to it.</span></p>
              <p class="field"><label for="url_backup">URL of the backup</label>
              <input id="url_backup" name="url_backup" type="url" required value="${value("url_backup")}">
              <span class="hint">Its twin, such as https://deploy.example.com:9001. It listens on 127.0.0.1:9101. Both are written to ${o.configFile}.</span></p>`
            : html`<p class="hint">GitHub will reach the instances of ${o.configFile}: ${o.urls.join(", ")}.</p>`
        }
        ${
          o.replaced.length > 0 &&
          html`<p class="flash warn">${icon("warning")}<label><input type="checkbox" name="overwrite" value="yes" required>
            Replace ${o.replaced.join(", ")} in ${o.envFile}, which are there already</label></p>`
        }
        <p><button class="button primary wide">Continue</button></p>
      </div></form>
    </div>`,
  );
}

/** The second step: a button that sends the manifest to GitHub. */
export function submitPage({ address, manifest }: { address: string; manifest: object }): Markup {
  return frame(
    "Set up",
    html`<div class="narrow wide">
      <h1>Make the GitHub App</h1>
      <p>GitHub shows what the App is to be, and makes it when you agree. It asks for these permissions and events:</p>
      <pre class="box code" tabindex="0">${JSON.stringify(manifest, null, 2)}</pre>
      <form method="post" action="${address}">
        <input type="hidden" name="manifest" value="${JSON.stringify(manifest)}">
        <div class="actions"><button class="button primary">Continue at ${new URL(address).host}</button>
          <a class="button" href="/setup">Change something</a></div>
      </form>
    </div>`,
  );
}

/** The last step: everything is written, and the instances start. */
export function madePage(o: { name: string; envFile: string; configFile: string; next: string }): Markup {
  return frame(
    "Set up",
    html`<div class="narrow wide">
      <h1>The App is made</h1>
      <p class="flash good">${icon("check")}<span>${o.name} is there, and its secrets are in ${o.envFile}, which only its owner may read.</span></p>
      <p>The instances of ${o.configFile} start now. The admin token stands in the same file, as <code>TWINHOOK_ADMIN_TOKEN</code>.</p>
      <p role="status" class="muted" data-wait="${o.next}">When they are up, you can go on.</p>
      <div><a class="button primary" href="${o.next}">See what is left to do</a></div>
    </div>`,
    ["setup-wait"],
  );
}
