import type { Logger } from "pino";
import type { Probot } from "probot";
import { z } from "zod";
import type { Clock } from "../clock.ts";
import type { CallBudget } from "./call-budget.ts";
import { timeOf } from "./github-time.ts";
import { ItemReader } from "./item-reader.ts";
import { callLimit } from "./repository-access.ts";

/** The delivery log's largest page. */
const PER_PAGE = 100;

/** A row of GitHub's delivery log. Its id is text, since it is too large for a number. */
export interface LoggedDelivery {
  id: string;
  guid: string;
  /** When GitHub sent it (ms); GitHub writes the row when the delivery has ended. */
  deliveredAt: number;
  event: string;
  action: string | null;
  /** 0 if GitHub got no answer, null if GitHub does not say. */
  statusCode: number | null;
  durationMs: number;
}

/** A page of the log, the newest row first. */
export interface LogPage {
  rows: LoggedDelivery[];
  /** The cursor of the next page, with older rows; null on the last page. */
  next: string | null;
  /** When GitHub answered (ms, GitHub's clock). */
  at: number;
}

/** A row as GitHub shows it. A wrong value in a field that selects nothing does not invalidate the row. */
const shownRow = z
  .object({
    id: z.union([z.bigint(), z.int(), z.string().regex(/^\d+$/)]),
    guid: z.string(),
    delivered_at: z.iso.datetime({ offset: true }),
    event: z.string(),
    action: z.string().nullish().catch(null),
    status_code: z.number().nullish().catch(null),
    duration: z.number().catch(0),
  })
  .transform(
    (row): LoggedDelivery => ({
      id: String(row.id),
      guid: row.guid,
      deliveredAt: Date.parse(row.delivered_at),
      event: row.event,
      action: row.action ?? null,
      statusCode: row.status_code ?? null,
      durationMs: row.duration * 1000,
    }),
  );

/** GitHub's log of the App's deliveries. */
export class DeliveryLogClient {
  #app: Promise<Probot>;
  #clock: Clock;
  #budget: CallBudget;
  #items: ItemReader;

  constructor(options: { app: Promise<Probot>; clock: Clock; budget: CallBudget; log: Logger }) {
    this.#app = options.app;
    this.#clock = options.clock;
    this.#budget = options.budget;
    this.#items = new ItemReader(options.log);
  }

  /** The page at `cursor`, or the newest one. It uses no filter by status: GitHub's filters hide rows. */
  async page(cursor: string | null, signal: AbortSignal): Promise<LogPage> {
    const octokit = await this.#octokit();
    const { data, headers } = await octokit.request("GET /app/hook/deliveries", {
      per_page: PER_PAGE,
      ...(cursor === null ? {} : { cursor }),
      request: callLimit(signal),
    });
    const next = /[?&]cursor=([^&>]+)[^>]*>; rel="next"/.exec(headers.link ?? "")?.[1];
    return {
      rows: this.#items.readEach(data, "a delivery", (row) => shownRow.parse(row)),
      next: next === undefined ? null : decodeURIComponent(next),
      at: timeOf(headers) ?? this.#clock.now(),
    };
  }

  /** The payload that GitHub sent, or tried to send. */
  async payload(id: string, signal: AbortSignal): Promise<unknown> {
    const octokit = await this.#octokit();
    const { data } = await octokit.request("GET /app/hook/deliveries/{delivery_id}", {
      // The type says number, which would lose digits; the path is text anyway.
      delivery_id: id as unknown as number,
      request: callLimit(signal),
    });
    return payloadOf(data.request?.payload);
  }

  /** Logs that this delivery is skipped, because GitHub does not give its payload. */
  passOver({ id, guid }: LoggedDelivery, problem: string): void {
    this.#items.passedOver(`the delivery ${id} (GUID ${guid})`, problem);
  }

  async #octokit() {
    // Reading the log can wait: the rest of the App's calls is kept for setting the webhook's URL.
    this.#budget.checkRest("app");
    return (await this.#app).auth();
  }
}

/** The event itself, even if the webhook was set to send forms. */
function payloadOf(logged: unknown): unknown {
  const form = logged as { payload?: unknown } | null;
  const text = typeof logged === "string" ? logged : typeof form?.payload === "string" ? form.payload : null;
  if (text === null) return logged;
  try {
    return JSON.parse(text.startsWith("{") ? text : (new URLSearchParams(text).get("payload") ?? ""));
  } catch {
    return logged;
  }
}
