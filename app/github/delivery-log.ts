import type { Probot } from "probot";

/** The delivery log's largest page. */
const PER_PAGE = 100;
const CALL_LIMIT_MS = 10_000;

/** A row of GitHub's delivery log. Its id exceeds what a number can hold, and is text. */
export interface LoggedDelivery {
  id: string;
  guid: string;
  deliveredAt: number;
  event: string;
  action: string | null;
  statusCode: number;
  durationMs: number;
}

/** GitHub's log of the App's deliveries, the newest first. */
export class DeliveryLogClient {
  #app: Promise<Probot>;

  constructor(app: Promise<Probot>) {
    this.#app = app;
  }

  /** All rows back to `since` (ms), page by page. No filter by status: those GitHub offers hide rows. */
  async *since(since: number, signal: AbortSignal): AsyncGenerator<LoggedDelivery> {
    const octokit = await (await this.#app).auth();
    for (let cursor: string | undefined; ; ) {
      const { data, headers } = await octokit.request("GET /app/hook/deliveries", {
        per_page: PER_PAGE,
        ...(cursor === undefined ? {} : { cursor }),
        request: { signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_LIMIT_MS)]) },
      });
      for (const row of data) {
        const deliveredAt = Date.parse(row.delivered_at);
        yield {
          id: String(row.id),
          guid: row.guid,
          deliveredAt,
          event: row.event,
          action: row.action,
          statusCode: row.status_code,
          durationMs: row.duration * 1000,
        };
      }
      const last = data.at(-1);
      cursor = /[?&]cursor=([^&>]+)[^>]*>; rel="next"/.exec(headers.link ?? "")?.[1];
      if (cursor !== undefined) cursor = decodeURIComponent(cursor);
      if (cursor === undefined || !last || Date.parse(last.delivered_at) < since) return;
    }
  }

  /** The payload that GitHub sent, or meant to send. */
  async payload(id: string, signal: AbortSignal): Promise<unknown> {
    const octokit = await (await this.#app).auth();
    const { data } = await octokit.request("GET /app/hook/deliveries/{delivery_id}", {
      // The type says number, which would lose digits; in the path it is text anyway.
      delivery_id: id as unknown as number,
      request: { signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_LIMIT_MS)]) },
    });
    return data.request.payload;
  }
}
