import type { Probot } from "probot";
import type { Clock } from "../clock.ts";
import type { DeliveryLogClient, LoggedDelivery } from "./delivery-log.ts";
import { callLimit } from "./repository-access.ts";

/** How long to wait for the outcome: GitHub waits 10 s for an answer, and then logs the delivery. */
const OUTCOME_LIMIT_MS = 12_000;
const POLL_MS = 500;

/** The result of a test of the way from GitHub to the active endpoint. */
export type Ping =
  | { kind: "answered"; event: string; statusCode: number; durationMs: number }
  /** GitHub has sent no event yet that it could send again. */
  | { kind: "nothing_to_send" }
  /** GitHub agreed to send an event, and has logged no outcome yet. */
  | { kind: "no_outcome"; event: string };

/**
 * Lets GitHub deliver an event to the webhook's present URL. GitHub has no ping for the webhook of an App. So it is
 * asked to send again the newest delivery that can start no deployment.
 * @see https://docs.github.com/en/rest/apps/webhooks#redeliver-a-delivery-for-an-app-webhook
 */
export async function pingThroughGitHub(options: {
  app: Promise<Probot>;
  log: DeliveryLogClient;
  clock: Clock;
  signal: AbortSignal;
}): Promise<Ping> {
  const { app, log, clock, signal } = options;
  const before = (await log.page(null, signal)).rows;
  const chosen = before.find(isHarmless);
  if (!chosen) return { kind: "nothing_to_send" };
  const octokit = await (await app).auth();
  await octokit.request("POST /app/hook/deliveries/{delivery_id}/attempts", {
    // The type says number, which would lose digits; the path is text anyway.
    delivery_id: chosen.id as unknown as number,
    request: callLimit(signal),
  });
  const known = new Set(before.map(({ id }) => id));
  const until = clock.monotonic() + OUTCOME_LIMIT_MS;
  while (clock.monotonic() < until) {
    const { rows } = await log.page(null, signal);
    const attempt = rows.find(({ id, guid }) => guid === chosen.guid && !known.has(id));
    if (attempt) {
      const { event, statusCode, durationMs } = attempt;
      if (statusCode !== null) return { kind: "answered", event, statusCode, durationMs };
    }
    await clock.sleep(POLL_MS, signal);
  }
  return { kind: "no_outcome", event: chosen.event };
}

/** Whether the delivery can start no deployment, whatever the present targets are. */
function isHarmless({ event, action }: LoggedDelivery): boolean {
  return event !== "workflow_run" || (action !== null && action !== "completed");
}

/** Whether the event arrived and was accepted. */
export function pingArrived(ping: Ping): boolean {
  return ping.kind === "answered" && ping.statusCode >= 200 && ping.statusCode < 300;
}

/** The result in a sentence, with the remedy. */
export function describePing(ping: Ping): string {
  if (ping.kind === "nothing_to_send")
    return "GitHub has sent nothing yet that could be sent again; push to a repository on which the App is installed, and try again";
  if (ping.kind === "no_outcome")
    return `GitHub was asked to send a ${ping.event} event again, and has noted no outcome within ${OUTCOME_LIMIT_MS / 1000} s; look at the deliveries on the App's page at GitHub`;
  const { event, statusCode, durationMs } = ping;
  const time = `${Math.round(durationMs)} ms`;
  if (pingArrived(ping))
    return `GitHub delivered a ${event} event, and it was answered with ${statusCode} after ${time}`;
  return `GitHub could not deliver a ${event} event: ${causeOfStatus(statusCode)} (${time})`;
}

/** Why GitHub could not deliver, by the status in its log, with the remedy where one is known. */
export function causeOfStatus(statusCode: number): string {
  return CAUSES[statusCode] ?? `it was answered with ${statusCode}`;
}

const CAUSES: Record<number, string> = {
  0: "the certificate was not accepted (0); check that the chain is complete",
  401: "the signature was refused (401); WEBHOOK_SECRET and the secret at GitHub differ: make a new one at /settings",
  404: "there is nothing at the webhook's URL (404); check the proxy and the url of the instance",
  502: "it could not connect (502); check that the URL can be reached from the internet",
  503: "the instance cannot commit (503); see /readyz",
  504: "there was no answer in time (504)",
};
