import type { AuditAction } from "../../http/audit.ts";
import type { Fields } from "../signed-in.ts";

/** A command of the settings page; each asks for confirmation first. */
export interface SettingsAction {
  /** Its address: `/settings/SLUG`. */
  slug: string;
  /** Its name in the audit list. */
  audit: AuditAction;
  title: string;
  /** Explains the effect before the person agrees. */
  explain: (fields: Fields) => string;
  /** The text of the button. */
  label: string;
  /** The fields that the question passes on, with the values chosen so far. */
  carries: readonly string[];
  /** Whether to ask for a reason. */
  asksReason?: boolean;
  /** Runs the command for a person of this name, and returns its outcome in words. */
  perform: (fields: Fields, by: string) => Promise<string>;
}

export interface SettingsCommands {
  switchOver: (to: string, reason: string | null, force: boolean) => Promise<void>;
  release: () => Promise<void>;
  /** Sends a test to every receiver of alerts, and returns the outcome; null when there is no receiver. */
  sendTestAlert: ((by: string) => Promise<string>) | null;
  ping: () => Promise<string>;
  prepareSecret: () => string;
  revokeToken: (name: string) => Promise<string>;
}

export function settingsActions(commands: SettingsCommands): SettingsAction[] {
  const { sendTestAlert } = commands;
  return [
    {
      slug: "switchover",
      audit: "switchover",
      title: "Switch over",
      explain: ({ to = "", force }) =>
        `GitHub will deliver to ${to} until you release the switchover, or until ${to} is down while another instance is up.${
          force
            ? ` ${to} is switched to although it is not healthy: events that it cannot take in are only fetched later.`
            : ""
        }`,
      label: "Switch over",
      carries: ["to", "force"],
      asksReason: true,
      perform: async ({ to = "", reason, force }) => {
        await commands.switchOver(to, reason?.trim().slice(0, 500) || null, force === "1");
        return `${to} is to be the active one`;
      },
    },
    {
      slug: "recovery",
      audit: "recovery",
      title: "Release the switchover",
      explain: () => "GitHub will deliver to the preferred instance again as soon as that is healthy.",
      label: "Release",
      carries: [],
      perform: async () => {
        await commands.release();
        return "no instance is pinned any more";
      },
    },
    {
      slug: "ping",
      audit: "ping",
      title: "Test the way from GitHub",
      explain: () =>
        "GitHub is asked to send an earlier event once more, one that starts no deployment, to the webhook's URL of now. This takes up to 12 seconds.",
      label: "Send it",
      carries: [],
      perform: () => commands.ping(),
    },
    {
      slug: "secret-rotation",
      audit: "secret rotation",
      title: "Change the webhook secret",
      explain: () =>
        "A new secret is written beside the present one into the file that the instances' environment comes from. It comes into force when you restart the instances; until then nothing changes.",
      label: "Make a new secret",
      carries: [],
      perform: async () => commands.prepareSecret(),
    },
    {
      slug: "token-revocation",
      audit: "token revocation",
      title: "Revoke a token",
      explain: ({ name = "" }) => `Whoever uses the token ${name} is refused from now on, on every instance.`,
      label: "Revoke it",
      carries: ["name"],
      perform: ({ name = "" }) => commands.revokeToken(name),
    },
    ...(sendTestAlert
      ? [
          {
            slug: "test-alert",
            audit: "test alert" as const,
            title: "Send a test alert",
            explain: () =>
              "Every receiver of alerts in the configuration gets a message that says that it is a test.",
            label: "Send it",
            carries: [],
            perform: (_: Fields, by: string) => sendTestAlert(by),
          },
        ]
      : []),
  ];
}
