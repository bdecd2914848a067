import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import type { Config } from "./load.ts";

/** The part of a configuration that decides where GitHub delivers. */
export interface WebhookPlaces {
  door: Pick<NonNullable<Config["door"]>, "url"> | null;
  instances: readonly { name: string; url: string }[];
}

/**
 * The webhook URL while the instance `name` is the active one: the shared door's, where there is a door. Undefined
 * where the configuration has no such instance (any more).
 */
export function webhookUrl({ door, instances }: WebhookPlaces, name: string): string | undefined {
  const base = door?.url ?? instances.find((instance) => instance.name === name)?.url;
  return base === undefined ? undefined : `${base}${WEBHOOK_PATH}`;
}
