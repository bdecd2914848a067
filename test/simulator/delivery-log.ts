import { GitHubError } from "./github-error.ts";
import type { Hook } from "./hook.ts";

const DAY_MS = 86_400_000;
/** How long github.com keeps deliveries. */
const KEPT_MS = 3 * DAY_MS;

/** One attempt to deliver one event to one hook. The id is a bigint, since it exceeds 2^53. */
export interface DeliveryRecord {
  id: bigint;
  guid: string;
  delivered_at: string;
  redelivery: boolean;
  /** Seconds. */
  duration: number;
  status: string;
  status_code: number;
  event: string;
  action: string | null;
  installation_id: number | null;
  repository_id: number | null;
  throttled_at: string | null;
  url: string;
  hook: Pick<Hook, "id" | "kind" | "repository">;
  request: { headers: Record<string, string>; payload: Record<string, unknown> };
  response: { headers: Record<string, string>; payload: string | null };
  /** When it was sent, in milliseconds since 1970. */
  sentAt: number;
  /** When it ended. */
  endedAt: number;
}

/** Keeps the attempted deliveries for as long as GitHub does. */
export class DeliveryLog {
  readonly #records: DeliveryRecord[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Inserts a finished delivery by its id, in whatever order deliveries finish. */
  add(record: DeliveryRecord): void {
    const place = this.#records.findLastIndex(({ id }) => id < record.id);
    this.#records.splice(place + 1, 0, record);
  }

  /** All deliveries that are still kept, newest first. */
  all(): DeliveryRecord[] {
    const oldest = this.#now() - KEPT_MS;
    return this.#records.filter(({ sentAt }) => sentAt >= oldest).reverse();
  }

  /**
   * One page of a hook's deliveries, newest first. `success` means a code from 200 to 399, `failure` one from
   * 400 to 599. So a delivery without an answer (code 0) has neither. A delivery appears `lagMs` after it has
   * ended.
   * @throws {GitHubError} 422 for a status or cursor that GitHub did not give out.
   */
  page(
    hook: Hook,
    query: URLSearchParams,
    lagMs = 0,
  ): { records: DeliveryRecord[]; nextCursor: string | null } {
    const status = query.get("status");
    if (status !== null && status !== "success" && status !== "failure")
      throw new GitHubError(422, "status must be success or failure");
    const cursor = query.get("cursor");
    const before = cursor === null ? null : /^v1_(\d+)$/.exec(cursor)?.[1];
    if (before === undefined) throw new GitHubError(422, "Invalid cursor");
    const size = Math.min(100, Math.max(1, Number.parseInt(query.get("per_page") ?? "", 10) || 30));

    const matching = this.all().filter(
      (record) =>
        isOf(record, hook) &&
        record.endedAt <= this.#now() - lagMs &&
        (before === null || record.id < BigInt(before)) &&
        (status === null || inStatus(record.status_code, status)),
    );
    const records = matching.slice(0, size);
    const last = records.at(-1);
    return { records, nextCursor: last && matching.length > size ? `v1_${last.id}` : null };
  }

  /** A hook's delivery by its id in decimal digits. */
  find(hook: Hook, id: string): DeliveryRecord | undefined {
    return this.all().find((record) => isOf(record, hook) && String(record.id) === id);
  }
}

/** The fields of a delivery in a list. */
export function deliveryItem(record: DeliveryRecord) {
  const { hook: _hook, request: _request, response: _response, url: _url, ...rest } = record;
  const { sentAt: _sentAt, endedAt: _endedAt, ...item } = rest;
  return item;
}

/** A single delivery with its request and response. */
export function deliveryObject(record: DeliveryRecord) {
  const { url, request, response } = record;
  return { ...deliveryItem(record), url, request, response };
}

function isOf(record: DeliveryRecord, hook: Hook): boolean {
  return record.hook.kind === hook.kind && record.hook.id === hook.id;
}

function inStatus(code: number, status: "success" | "failure"): boolean {
  return status === "success" ? code >= 200 && code < 400 : code >= 400 && code < 600;
}
