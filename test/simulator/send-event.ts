import type { DeliveryRecord } from "./delivery-log.ts";
import type { Hook } from "./hook.ts";
import { installationReference } from "./workflow-run-payload.ts";
import type { World } from "./world.ts";

/** An event that was sent. */
export interface SentEvent {
  guid: string;
  /** The App's delivery once it ended, else the first of a repository's hook; never settles if there was none. */
  delivery: Promise<DeliveryRecord>;
  /** All deliveries of the event, the App's first, once all ended. */
  done: Promise<DeliveryRecord[]>;
}

/**
 * Sends an event to the App's hook, if the App is subscribed to it and installed, and to the repository's hooks.
 * Only the App's deliveries name the installation.
 */
export function sendEvent(
  world: World,
  event: string,
  payload: Record<string, unknown>,
  { guid, always = false }: { guid?: string; always?: boolean } = {},
): SentEvent {
  const fullName = (payload.repository as { full_name?: string } | undefined)?.full_name;
  const repository = fullName === undefined ? undefined : world.repositories.get(fullName.toLowerCase());
  const installed = repository === undefined || repository.installation_id !== null;
  const { installation: given, ...bare } = payload;
  const installation =
    given ?? (repository?.installation_id && installationReference(repository.installation_id));

  const toApp = world.appHook.active && (always || (installed && world.app.events.includes(event)));
  const others = repository?.hooks.filter((hook) => hook.active && listens(hook, event)) ?? [];
  const first = world.deliveries.send(
    toApp ? [world.appHook] : [],
    event,
    installation ? { ...bare, installation } : bare,
    guid,
  );
  const rest = world.deliveries.send(others, event, bare, first.guid);
  return sentEvent(first.guid, [...first.deliveries, ...rest.deliveries]);
}

/** The deliveries of one event, as callers wait for them. */
export function sentEvent(guid: string, deliveries: Promise<DeliveryRecord>[]): SentEvent {
  const [delivery = new Promise<DeliveryRecord>(() => {})] = deliveries;
  return { guid, delivery, done: Promise.all(deliveries) };
}

function listens({ events }: Hook, event: string): boolean {
  return events.includes("*") || events.includes(event);
}
