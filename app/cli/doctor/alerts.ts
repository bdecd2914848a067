import { counted } from "../../../shared/counted.ts";
import { type Finding, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** Whether anyone hears of a failed deployment. */
export async function checkAlerts({ config: { alerts, file } }: Patient): Promise<Finding[]> {
  if (alerts.length > 0)
    return [
      ok("alerts", `${counted(alerts.length, "channel")}: ${alerts.map(({ type }) => type).join(", ")}`),
    ];
  return [
    warning(
      "alerts",
      "no channel is configured: nobody hears of a failover or a failed deployment",
      `add one below alerts in ${file}, such as { type: slack, url_env: SLACK_WEBHOOK_URL }`,
    ),
  ];
}
