import { basename } from "node:path";
import { html } from "hono/html";
import { describeRules } from "../../accept/approval.ts";
import type { Config } from "../../config/load.ts";
import type { TargetConfig } from "../../config/schema.ts";
import { type Source, writtenDuration } from "../../config/settings-of.ts";
import { approvalOf, type Protection } from "../../queue/gate/approval.ts";
import type { Markup } from "../layout.ts";
import { icon } from "../parts/icons.ts";
import { emptyState } from "../parts/list.ts";
import type { Settings } from "./read-settings.ts";

/** The targets. Values of a command's variables are not shown. */
export function targetsSection({ protections }: Settings, config: Config): Markup {
  return html`<section class="box" id="targets" aria-labelledby="targets-title">
    <header><h2 id="targets-title">Targets</h2><a class="button small" href="/setup">Add one</a></header>
    ${
      config.targets.length === 0
        ? emptyState(
            "inbox",
            "No targets",
            html`Nothing is deployed yet. <a href="/setup">The setup page</a> shows what to write.`,
          )
        : html`<ul class="rows">${config.targets.map((target, index) => targetRow(target, protections[index] ?? null, config.written.line(["targets", index])))}</ul>`
    }
  </section>`;
}

function targetRow(target: TargetConfig, protection: Protection | null, line: number | undefined): Markup {
  const { action } = target;
  const variables = [...Object.keys(target.env), ...target.pass_env];
  return html`<li><details><summary><strong>${target.repository}</strong> → ${target.name}
      <span class="muted">${target.workflow} on ${target.refs.join(", ")}</span></summary>
    <dl class="facts">
      <dt>Environment</dt><dd>${target.environment}</dd>
      <dt>Started by</dt><dd>${target.events.join(", ")}</dd>
      <dt>Ways in</dt><dd>${target.routes.map((route) => WAYS[route]).join(", ")}</dd>
      <dt>Approval</dt><dd>${protectionText(target, protection)}: ${consequence(target, protection)}</dd>
      <dt>Command</dt><dd><code>${target.run.map((part) => JSON.stringify(part)).join(" ")}</code></dd>
      <dt>Directory</dt><dd><code>${target.directory}</code></dd>
      <dt>Variables</dt><dd>${variables.length === 0 ? "none of its own" : `${variables.join(", ")} (values not shown)`}</dd>
      <dt>Masked</dt><dd>the values of ${[...target.pass_env, ...target.mask].join(", ") || "variables that are named like secrets"}</dd>
      <dt>Time limit</dt><dd>${writtenDuration(target.timeout)}</dd>
      <dt>Verified by</dt><dd>${target.verify === null ? "its exit code alone" : verification(target.verify)}</dd>
      <dt>Queue</dt><dd>${target.queue}${target.lock !== null && `, lock ${target.lock}`}; after a crash: ${target.on_interrupt}</dd>
      <dt>Actions may ask</dt><dd>from ${action.workflows.join(", ")} on ${action.refs.join(", ")}, by ${
        action.secret_env ? `a secret (${action.secret_env}) or ` : ""
      }OIDC${action.any_sha && "; for any commit"}</dd>
      <dt>Log</dt><dd>${target.share_log ? "its last lines are shown to the Action" : "not shown to the Action"}</dd>
      ${line !== undefined && html`<dt>Written in</dt><dd>line ${line}</dd>`}
    </dl></details></li>`;
}

const WAYS = { event: "GitHub's events", action: "Actions" };

/** What GitHub protects, and what twinhook.yml says about it. */
function protectionText({ approval, environment }: TargetConfig, protection: Protection | null): string {
  const atGitHub =
    protection === null
      ? `GitHub has not told yet whether it protects ${environment}`
      : protection.rules.length > 0
        ? `GitHub protects ${environment} by ${describeRules(protection.rules)}`
        : `GitHub does not protect ${environment}`;
  return approval === "auto" ? atGitHub : `${atGitHub}; ${approval} by twinhook.yml`;
}

function consequence(target: TargetConfig, protection: Protection | null): string {
  const approval = approvalOf(target, protection);
  if (approval === "none") return "no approval is needed";
  if (approval === null) return "events wait";
  return target.routes.includes("action")
    ? "only an approved job starts a deployment, and events wait for it"
    : "only people start a deployment, since no Action may (routes)";
}

function verification({ url, status, body, within }: NonNullable<TargetConfig["verify"]>): string {
  const shown = body === null ? "" : ` with ${JSON.stringify(body)}`;
  return `${url}: ${status}${shown}, within ${writtenDuration(within)}`;
}

/** Every other value in effect, with its origin. */
export function configurationSection({ settings, fileChanged, variables }: Settings, config: Config): Markup {
  return html`<section class="box" id="configuration" aria-labelledby="configuration-title">
      <header><h2 id="configuration-title">Configuration</h2></header>
      ${
        fileChanged !== null &&
        html`<div class="body"><p class="flash warn">${icon("warning")}<span>${basename(config.file)} is not what this instance uses: ${fileChanged}.</span></p></div>`
      }
      <div class="scroll" tabindex="0" role="group" aria-label="Configuration"><table>
        <thead><tr><th scope="col">Key</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
        <tbody>${settings.map(
          ({ key, value, source }) =>
            html`<tr><th scope="row" class="mono nowrap">${key}</th><td>${value}</td><td class="muted">${origin(source, config.file)}</td></tr>`,
        )}</tbody>
      </table></div>
      <footer>${config.file}, as it was when this instance started. Change it there, check it (<code>--check</code>), and restart
        one instance after the other.</footer>
    </section>
    <section class="box" id="environment" aria-labelledby="environment-title">
      <header><h2 id="environment-title">Environment of this instance</h2></header>
      <div class="scroll" tabindex="0" role="group" aria-label="Environment"><table>
        <thead><tr><th scope="col">Variable</th><th scope="col">Value</th><th scope="col">For</th></tr></thead>
        <tbody>${variables.map(
          ({ name, value, purpose }) =>
            html`<tr><th scope="row" class="mono nowrap">${name}</th><td>${value ?? html`<span class="muted">not set</span>`}</td><td class="muted">${purpose}</td></tr>`,
        )}</tbody>
      </table></div>
    </section>`;
}

function origin(source: Source, file: string): string {
  if (source.kind === "file") return `${basename(file)}, line ${source.line}`;
  return source.kind === "environment" ? `environment, ${source.variable}` : "default";
}
