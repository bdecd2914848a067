import type { DeliveryRecord } from "./delivery-log.ts";
import type { Hook } from "./hook.ts";
import { installationReference } from "./workflow-run-payload.ts";
import type { World } from "./world.ts";

/** An event that was sent. */
export interface SentEvent {
  guid: string;
  /**
   * The App's delivery when it has ended, else the first one of a repository's hook. Without any delivery, it
   * never settles.
   */
  delivery: Promise<DeliveryRecord>;
  /** All deliveries of the event when all have ended, the App's first. */
  done: Promise<DeliveryRecord[]>;
}

/**
 * Sends an event to the App's hook if the App is subscribed and installed, and to the repository's hooks.
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

/** The deliveries of one event, for callers to wait for. */
export function sentEvent(guid: string, deliveries: Promise<DeliveryRecord>[]): SentEvent {
  const [delivery = new Promise<DeliveryRecord>(() => {})] = deliveries;
  return { guid, delivery, done: Promise.all(deliveries) };
}

function listens({ events }: Hook, event: string): boolean {
  return events.includes("*") || events.includes(event);
}
