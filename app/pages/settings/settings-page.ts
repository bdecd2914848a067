import { html } from "hono/html";
import type { Config } from "../../config/load.ts";
import type { AuditEntry } from "../../http/audit.ts";
import { type Frame, type Markup, page } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { sentence } from "../parts/sentence.ts";
import { auditSection } from "./audit-section.ts";
import { configurationSection, targetsSection } from "./configuration-section.ts";
import { permissionsSection } from "./permissions-section.ts";
import type { Settings } from "./read-settings.ts";
import { redundancySection } from "./redundancy-section.ts";
import { tokensSection } from "./tokens-section.ts";
import { webhookSection } from "./webhook-section.ts";

export interface SettingsPage {
  settings: Settings;
  config: Config;
  /** The command that has just run. */
  done: AuditEntry | undefined;
  /** Whether any channel could send a test alert. */
  canTestAlerts: boolean;
}

/** `/settings`: all values in effect, and the commands of an admin. */
export function settingsPage({ settings, config, done, canTestAlerts }: SettingsPage, frame: Frame): Markup {
  const types = config.alerts.map(({ type }) => type);
  return page({
    title: "Settings",
    place: "settings",
    ...frame,
    scripts: ["settings"],
    body: html`<div class="page-head"><h1>Settings</h1><p class="muted">as the instance ${settings.instance} has them</p></div>
    ${done && html`<p class="flash good" role="status">${icon("check")}<span>${sentence(done.outcome)}</span></p>`}
    <div class="columns">
      <div>
        ${redundancySection(settings)}
        ${webhookSection(settings)}
        ${permissionsSection(settings, config)}
        ${targetsSection(settings, config)}
      </div>
      <div>
        <section class="box" id="alerts" aria-labelledby="alerts-title">
          <header><h2 id="alerts-title">Alerts</h2>
            ${canTestAlerts && types.length > 0 && html`<a class="button small" href="/settings/test-alert" data-ask>Send a test alert</a>`}</header>
          <div class="body"><p>${
            types.length === 0
              ? html`Nobody is told of failovers and failed deployments: name a receiver in <code>alerts</code>.`
              : html`Sent by ${types.join(", ")}.`
          }</p></div>
        </section>
        ${tokensSection(settings)}
        <section class="box" id="admins" aria-labelledby="admins-title">
          <header><h2 id="admins-title">Who may change this</h2></header>
          <div class="body"><p>${config.admins.length === 0 ? "Whoever has the admin token; no one is named in " : `${config.admins.join(", ")} (`}<code>admins</code>${
            config.admins.length === 0 ? "." : "), and whoever has the admin token."
          }</p></div>
        </section>
      </div>
    </div>
    ${configurationSection(settings, config)}
    ${auditSection(settings.audit)}`,
  });
}
