import { formatDuration } from "../../../shared/format-duration.ts";
import { systemClock } from "../../clock.ts";
import { githubApp } from "../../github/app.ts";
import { CallBudget } from "../../github/call-budget.ts";
import { DeliveryLogClient } from "../../github/delivery-log.ts";
import { callLimit } from "../../github/repository-access.ts";
import { createLog } from "../../log.ts";
import { type Finding, failed, ok, warning } from "./finding.ts";
import type { Patient } from "./patient.ts";

/** Events that need no subscription, and by which nothing is deployed or approved. */
const HARMLESS = ["ping", "installation", "installation_repositories"];
/** How often the delivery log is read for the row of a redelivery, and for how long. */
const LOOK_MS = 500;
const LIMIT_MS = 60_000;

/**
 * Measures on the user's own App what GitHub documents nowhere: the limit of calls by the App's key, how late a
 * delivery's row shows, and whether a redelivery goes to the present URL. It asks for one redelivery, of an event by
 * which nothing is deployed.
 */
export async function checkLive({ config }: Patient): Promise<Finding[]> {
  const { environment } = config;
  const silent = createLog("silent", null);
  const app = await githubApp(environment, environment.webhookSecret as string, silent);
  const octokit = await app.auth();
  const { headers } = await octokit.request("GET /app", { request: callLimit() });
  const { "x-ratelimit-limit": limit, "x-ratelimit-remaining": left } = headers;
  const calls = ok(
    "calls of the App",
    limit === undefined
      ? "GitHub names no limit for calls by the App's key"
      : `GitHub allows ${limit} calls an hour by the App's key; ${left} are left`,
  );

  const log = new DeliveryLogClient({
    ...{ app: Promise.resolve(app), clock: systemClock, log: silent },
    budget: new CallBudget(systemClock),
  });
  const page = () => log.page(null, callLimit().signal);
  const { rows } = await page();
  const known = new Set(rows.map(({ id }) => id));
  const chosen = rows.find(({ event }) => HARMLESS.includes(event));
  const check = "redelivery";
  if (!chosen)
    return [
      calls,
      ok(check, "not measured: among GitHub's last hundred deliveries is none by which nothing is deployed"),
    ];
  const began = systemClock.monotonic();
  await octokit.request("POST /app/hook/deliveries/{delivery_id}/attempts", {
    delivery_id: chosen.id as unknown as number,
    request: callLimit(),
  });
  const again = async () =>
    (await page()).rows.find(({ id, guid }) => guid === chosen.guid && !known.has(id));
  let row = await again();
  while (!row && systemClock.monotonic() - began < LIMIT_MS) {
    await systemClock.sleep(LOOK_MS);
    row = await again();
  }
  const tookMs = systemClock.monotonic() - began;
  if (!row)
    return [
      calls,
      warning(
        check,
        `GitHub's log shows no row of it after ${formatDuration(LIMIT_MS)}`,
        "look at www.githubstatus.com; what GitHub could not deliver is found late meanwhile",
      ),
    ];
  const [{ data: present }, { data: shown }] = await Promise.all([
    octokit.request("GET /app/hook/config", { request: callLimit() }),
    octokit.request("GET /app/hook/deliveries/{delivery_id}", {
      delivery_id: row.id as unknown as number,
      request: callLimit(),
    }),
  ]);
  const place =
    shown.url === present.url ? "the present URL" : `${shown.url}, while the URL is ${present.url}`;
  const found = `of a ${chosen.event} event: its row showed within ${formatDuration(Math.ceil(tookMs / 100) * 100)}; it went to ${place}`;
  const { statusCode } = row;
  return [
    calls,
    statusCode !== null && (statusCode < 200 || statusCode > 299)
      ? failed(
          check,
          `${found}, and failed (${statusCode})`,
          "mend what the findings on the webhook and the URLs name",
        )
      : ok(check, found),
  ];
}
