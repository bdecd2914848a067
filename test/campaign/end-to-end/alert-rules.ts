import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import type { ReceivedAlert } from "./evidence.ts";
import type { Facts } from "./facts.ts";
import type { Rule } from "./rules.ts";

/** Conditions that are over when everything is well. That of a failed deployment ends with the next good one. */
const OVER_IN_THE_END = [
  "instance_lost",
  "all_down",
  "webhook_out_of_sync",
  "store_not_writable",
  "host_missing",
  "held",
];

const show = ({ id, kind, state, subject, title, cause }: ReceivedAlert) =>
  `${id} ${kind} ${state} ${subject}: ${title} (${cause})`;

/** Alerts in the order of their arrival, each counted once however often its message was sent. */
function alertsOf({ evidence }: Facts, kind: string, ...states: string[]): ReceivedAlert[] {
  const found = evidence.alerts.filter((alert) => alert.kind === kind && states.includes(alert.state));
  return [...new Map(found.map((alert) => [alert.id, alert])).values()];
}

export const ALERT_RULES: Rule[] = [
  {
    rule: "P8: nobody is told that the webhook was changed, since nobody else changes it",
    forGood: true,
    against: (facts) =>
      alertsOf(facts, "webhook_out_of_sync", "firing", "event")
        .filter(({ cause }) => cause.startsWith("It was changed"))
        .map(show),
  },
  {
    rule: "P8: an alert is sent in one message",
    against: ({ evidence }) =>
      [...Map.groupBy(evidence.alerts, ({ id }) => id)]
        .filter(([id]) => id !== "")
        .filter(([, same]) => new Set(same.map(({ message }) => message)).size > 1)
        .map(([, same]) => `${same.length} messages: ${show(same[0] as ReceivedAlert)}`),
  },
  {
    rule: "P8: every failed deployment has an alert, once",
    against: (facts) => {
      const alerts = alertsOf(facts, "deployment_failed", "firing", "event");
      const told = Map.groupBy(alerts, ({ url }) => url.split("/").at(-1));
      const failed = facts.evidence.deployments.filter(({ status }) => status === "failed");
      return [
        ...failed
          .filter(({ id }) => told.get(id)?.length !== 1)
          .map((row) => `${told.get(row.id)?.length ?? 0} alerts: ${facts.tell(facts.runOf(row), row)}`),
        ...alerts.filter(({ url }) => !failed.some(({ id }) => url.endsWith(id))).map(show),
      ];
    },
  },
  {
    rule: "P8: every hold has an alert when it begins and when it ends, once each",
    against: (facts) => {
      const holds = facts.evidence.held.length;
      return (["firing", "resolved"] as const).flatMap((state) => {
        const told = alertsOf(facts, "held", state);
        return told.length === holds ? [] : [`${told.length} ${state} for ${holds} holds`, ...told.map(show)];
      });
    },
  },
  {
    rule: "P8: what is over is told to be over",
    against: ({ evidence }) =>
      [...Map.groupBy(evidence.alerts, ({ kind, subject }) => `${kind} ${subject}`).values()]
        .map((same) => same.at(-1) as ReceivedAlert)
        .filter(({ kind, state }) => OVER_IN_THE_END.includes(kind) && state === "firing")
        .map(show),
  },
  {
    rule: "P8: a failover has an alert; while the preferred instance is not the active one, it lasts",
    against: (facts) => {
      const { happened, urls, hookUrl, status } = facts.evidence;
      // A person's switchover and a planned stop change the URL as well.
      if (happened.some(({ fault }) => fault.what === "switchover" || fault.what === "restart")) return [];
      const [preferred] = status.endpoints.toSorted((a, b) => a.priority - b.priority);
      const isPreferred = (url: string) => url === `${preferred?.url}${WEBHOOK_PATH}`;
      const away = urls.filter(({ url }) => !isPreferred(url));
      const told = alertsOf(facts, "failover", "firing", "event");
      const last = alertsOf(facts, "failover", "firing", "event", "resolved").at(-1);
      return [
        ...(away.length > 0 && told.length === 0 ? [`GitHub delivered to ${away[0]?.url}`] : []),
        ...(isPreferred(hookUrl) && last?.state === "firing" ? [`still told: ${show(last)}`] : []),
      ];
    },
  },
];
