import type { Probot } from "probot";
import { isoTime, systemClock } from "../../clock.ts";
import { webhookUrl } from "../../config/webhook-url.ts";
import { CallBudget } from "../../github/call-budget.ts";
import { DeliveryLogClient, type LoggedDelivery } from "../../github/delivery-log.ts";
import { causeOfStatus } from "../../github/ping.ts";
import { callLimit } from "../../github/repository-access.ts";
import { createLog } from "../../log.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** The App's webhook, and what became of its last hundred deliveries. */
export async function checkWebhook(app: Probot, { config }: Patient): Promise<Finding[]> {
  const octokit = await app.auth();
  const { data } = await octokit.request("GET /app/hook/config", { request: callLimit() });
  const log = new DeliveryLogClient({
    app: Promise.resolve(app),
    clock: systemClock,
    budget: new CallBudget(systemClock),
    log: createLog("silent", null),
  });
  const { rows } = await log.page(null, callLimit().signal);
  const urls = config.instances.flatMap(({ name }) => webhookUrl(config, name) ?? []);
  const findings: Finding[] = [];
  const set = "the controller sets it when it starts; else set it on the App's page, below Webhook";
  if (!urls.includes(data.url ?? ""))
    findings.push(
      failed("webhook", `GitHub delivers to ${data.url || "nowhere"}, which is no instance's URL`, set),
    );
  if (!data.secret)
    findings.push(
      failed("webhook", "GitHub signs nothing: the webhook has no secret, so every event is refused", set),
    );
  if (String(data.insecure_ssl ?? "0") !== "0")
    findings.push(
      warning(
        "webhook",
        "GitHub does not verify the certificate of the URL",
        "enable SSL verification there",
      ),
    );
  if (findings.length === 0) findings.push(ok("webhook", `GitHub delivers to ${data.url}, signed`));
  return [...findings, checkDeliveries(rows)];
}

function checkDeliveries(rows: readonly LoggedDelivery[]): Finding {
  const check = "deliveries";
  const ended = rows.filter(({ statusCode }) => statusCode !== null);
  const bad = ended.filter(({ statusCode }) => statusCode !== null && (statusCode < 200 || statusCode > 299));
  const [newest] = bad;
  if (!newest) return ok(check, `none of GitHub's last ${ended.length} failed`);
  const { statusCode, deliveredAt } = newest;
  const [cause = "", ...remedy] = causeOfStatus(statusCode as number).split("; ");
  const found = `${bad.length} of GitHub's last ${ended.length} failed, the newest at ${isoTime(deliveredAt)}: ${cause}`;
  const how =
    remedy.join("; ") || "the log of the instances says more; twinhook deliveries shows what was caught up";
  // An old failure was caught up; one that is the last word still goes on.
  return ended[0] === newest ? failed(check, found, how) : warning(check, found, how);
}
