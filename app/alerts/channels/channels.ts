import { channelId } from "../../config/checks/alerts.ts";
import type { AlertConfig } from "../../config/schema.ts";
import type { RepositoryAccess } from "../../github/repository-access.ts";
import { sendToApprise } from "./apprise.ts";
import type { Channel } from "./channel.ts";
import { sendToDiscord } from "./discord.ts";
import { sendByEmail } from "./email.ts";
import { sendToIssues } from "./github-issue.ts";
import { sendToNtfy } from "./ntfy.ts";
import { sendToSlack } from "./slack.ts";
import { sendToTeams } from "./teams.ts";
import { sendToTelegram } from "./telegram.ts";
import { sendToWebhook } from "./webhook.ts";

/** The configured channels, with their addresses and secrets from the environment. */
export function channelsOf(
  alerts: readonly AlertConfig[],
  env: NodeJS.ProcessEnv,
  access: RepositoryAccess,
): Channel[] {
  return alerts.map((alert) => ({
    id: channelId(alert),
    type: alert.type,
    kinds: alert.kinds,
    groups: alert.type !== "github_issue",
    send: senderOf(alert, env, access),
  }));
}

function senderOf(alert: AlertConfig, env: NodeJS.ProcessEnv, access: RepositoryAccess): Channel["send"] {
  const url = env[alert.url_env ?? ""] ?? "";
  switch (alert.type) {
    case "slack":
      return sendToSlack(url);
    case "discord":
      return sendToDiscord(url);
    case "telegram":
      return sendToTelegram(url, alert.chat_id ?? "");
    case "ntfy":
      return sendToNtfy(url);
    case "teams":
      return sendToTeams(url);
    case "apprise":
      return sendToApprise(url);
    case "webhook":
      return sendToWebhook(url, env[alert.secret_env ?? ""] ?? "");
    case "email":
      return sendByEmail(url, { from: alert.from ?? "", to: alert.to ?? [] });
    case "github_issue":
      return sendToIssues(access, alert.repository ?? "");
  }
}
