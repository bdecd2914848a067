import { html } from "hono/html";
import { readManifest } from "../../github/manifest.ts";
import type { Markup } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import type { Settings } from "./read-settings.ts";

/** The webhook as GitHub has it now, whether it is right, and its secret. */
export function webhookSection({ webhook, wantedUrl, app, secret }: Settings): Markup {
  return html`<section class="box" id="webhook" aria-labelledby="webhook-title">
    <header><h2 id="webhook-title">Webhook at GitHub</h2>
      <a class="button small" href="/settings/ping" data-ask>Test the way from GitHub</a>
      <a class="button small" href="/settings/secret-rotation" data-ask>Change the secret</a></header>
    <div class="body">
      ${
        "problem" in webhook
          ? html`<p class="flash warn">${icon("warning")}<span>${webhook.problem}.</span></p>`
          : html`${agreement(differences(webhook.facts, wantedUrl), "The webhook is as it should be.")}
          <dl class="facts">
            <dt>URL</dt><dd>${webhook.facts.url ?? "none"}</dd>
            ${wantedUrl !== null && wantedUrl !== webhook.facts.url && html`<dt>should be</dt><dd>${wantedUrl}</dd>`}
            <dt>Content type</dt><dd>${webhook.facts.contentType ?? "none"}</dd>
            <dt>Certificates</dt><dd>${webhook.facts.insecureSsl ? "not checked" : "checked"}</dd>
          </dl>`
      }
      ${"facts" in app && events(app.facts.events)}
      <p class="hint">${SECRETS[secret.kind](secret.kind === "prepared" ? secret.file : "")}</p>
    </div>
  </section>`;
}

function differences(
  { url, contentType, insecureSsl }: { url: string | null; contentType: string | null; insecureSsl: boolean },
  wanted: string | null,
): string[] {
  return [
    ...(wanted !== null && url !== wanted
      ? ["it has another URL than the active instance's; the controller puts that right within 30 seconds"]
      : []),
    ...(contentType === "json" ? [] : ["its content type is not json"]),
    ...(insecureSsl ? ["it does not check certificates"] : []),
  ];
}

/** A list of the differences, or a sentence that there are none. */
export function agreement(different: readonly string[], agrees: string): Markup {
  return different.length === 0
    ? html`<p class="flash good">${icon("check")}<span>${agrees}</span></p>`
    : html`<p class="flash warn">${icon("warning")}<span>Not as it should be: ${different.join("; ")}.</span></p>`;
}

function events(subscribed: readonly string[]): Markup {
  const missing = readManifest().default_events.filter((name) => !subscribed.includes(name));
  return agreement(
    missing.map((name) => `the App is not subscribed to the event ${name}`),
    `The App gets the events ${subscribed.join(", ")}.`,
  );
}

const SECRETS = {
  settled: () => "Of the secret GitHub tells nothing; events that it signs with another are refused.",
  prepared: (file: string) =>
    `A new secret stands in ${file}. Restart the instances to use it: the controller then gives it to GitHub, and the present one stays accepted.`,
  both: () =>
    "The secret was changed: the one before (WEBHOOK_SECRET_PREVIOUS) is still accepted. Remove it 3 days after the change, and restart the instances.",
};
