import { createHmac, randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { Changes } from "./changes.ts";
import type { Clock } from "./clock.ts";
import { DeliveryLog, type DeliveryRecord } from "./delivery-log.ts";
import { sendDelivery } from "./delivery-request.ts";
import type { Hook } from "./hook.ts";
import { SnowflakeIds } from "./snowflake-ids.ts";
import { isoSeconds } from "./stable-values.ts";

type Payload = Record<string, unknown>;

/** An event on its way: one delivery for each subscribed hook. */
export interface Sending {
  guid: string;
  /** One for each hook, in their order; each resolves when it has ended, successful or not. */
  deliveries: Promise<DeliveryRecord>[];
}

/** Delivers events to hooks like GitHub: once, all at the same time, with 10 s for the answer. */
export class Deliveries {
  readonly log: DeliveryLog;
  readonly #ids = new SnowflakeIds();
  readonly #clock: Clock;
  readonly #changes: Changes;
  readonly #limitMs: number;
  readonly #closing = new AbortController();
  readonly #inFlight = new Set<Promise<DeliveryRecord>>();

  constructor(clock: Clock, changes: Changes, limitMs: number) {
    this.#clock = clock;
    this.#changes = changes;
    this.#limitMs = limitMs;
    this.log = new DeliveryLog(() => clock.now());
    setMaxListeners(0, this.#closing.signal);
  }

  /** Sends one event to these hooks at once. All deliveries share the event's GUID. */
  send(hooks: readonly Hook[], event: string, payload: Payload, guid: string = randomUUID()): Sending {
    return { guid, deliveries: hooks.map((hook) => this.#deliver(hook, event, payload, guid, false)) };
  }

  /** Sends a delivery again: to the hook's present URL, with the same GUID and a new id. */
  redeliver(hook: Hook, { event, request, guid }: DeliveryRecord): Promise<DeliveryRecord> {
    return this.#deliver(hook, event, request.payload, guid, true);
  }

  /** How many deliveries are waiting for their answer. */
  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Cuts all open deliveries, and waits until they are recorded. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#inFlight);
  }

  #deliver(
    hook: Hook,
    event: string,
    payload: Payload,
    guid: string,
    redelivery: boolean,
  ): Promise<DeliveryRecord> {
    const delivery = this.#attempt(hook, event, payload, guid, redelivery);
    this.#inFlight.add(delivery);
    void delivery.finally(() => this.#inFlight.delete(delivery));
    return delivery;
  }

  async #attempt(
    hook: Hook,
    event: string,
    payload: Payload,
    guid: string,
    redelivery: boolean,
  ): Promise<DeliveryRecord> {
    const { url, content_type, insecure_ssl, secret } = hook.config;
    const id = this.#ids.next();
    const sentAt = this.#clock.now();
    const started = performance.now();
    const json = JSON.stringify(payload);
    const body = content_type === "form" ? new URLSearchParams({ payload: json }).toString() : json;
    const headers = requestHeaders(hook, event, guid, body, content_type, secret);
    const outcome = await sendDelivery(url, headers, body, {
      limitMs: this.#limitMs,
      insecureTls: insecure_ssl === "1",
      signal: this.#closing.signal,
    });
    const record: DeliveryRecord = {
      id,
      guid,
      delivered_at: isoSeconds(sentAt),
      redelivery,
      duration: Math.round(performance.now() - started) / 1000,
      status: outcome.status,
      status_code: outcome.status_code,
      event,
      action: typeof payload.action === "string" ? payload.action : null,
      installation_id: idOf(payload.installation),
      repository_id: idOf(payload.repository),
      throttled_at: null,
      url,
      hook: { id: hook.id, kind: hook.kind, ...(hook.repository && { repository: hook.repository }) },
      request: { headers, payload },
      response: { headers: outcome.headers, payload: outcome.payload },
      sentAt,
      endedAt: this.#clock.now(),
    };
    hook.last_response = {
      code: outcome.status_code,
      status: outcome.status === "OK" ? "active" : "misconfigured",
      message: outcome.status,
    };
    this.log.add(record);
    this.#changes.emit("delivery", record);
    return record;
  }
}

function requestHeaders(
  hook: Hook,
  event: string,
  guid: string,
  body: string,
  contentType: string,
  secret: string | undefined,
): Record<string, string> {
  const sign = (algorithm: string) =>
    createHmac(algorithm, secret ?? "")
      .update(body)
      .digest("hex");
  return {
    Accept: "*/*",
    "Content-Type": contentType === "form" ? "application/x-www-form-urlencoded" : "application/json",
    "User-Agent": "GitHub-Hookshot/7d1cbd7",
    "X-GitHub-Delivery": guid,
    "X-GitHub-Event": event,
    "X-GitHub-Hook-ID": String(hook.id),
    "X-GitHub-Hook-Installation-Target-ID": String(hook.targetId),
    "X-GitHub-Hook-Installation-Target-Type": hook.kind === "app" ? "integration" : "repository",
    ...(secret && {
      "X-Hub-Signature": `sha1=${sign("sha1")}`,
      "X-Hub-Signature-256": `sha256=${sign("sha256")}`,
    }),
  };
}

function idOf(value: unknown): number | null {
  const id = (value as { id?: unknown } | undefined)?.id;
  return typeof id === "number" ? id : null;
}
