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

/** A row of GitHub's delivery log. Its id exceeds what a number can hold, and is text. */
export interface LoggedDelivery {
  id: string;
  guid: string;
  /** When it was sent; GitHub writes the row once it has ended. */
  deliveredAt: number;
  event: string;
  action: string | null;
  /** 0 where GitHub got no answer, null where it does not say. */
  statusCode: number | null;
  durationMs: number;
}

/** A page of the log, the newest row first. */
export interface LogPage {
  rows: LoggedDelivery[];
  /** Where the older rows begin; null where there are none. */
  next: string | null;
  /** When GitHub answered, by its own clock. */
  at: number;
}

/** A row as GitHub shows it. Fields by which nothing is chosen refuse nothing. */
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

  /** The page at `cursor`, or the newest. No filter by status: those that GitHub offers hide rows. */
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

  /** The payload that GitHub sent, or meant to send. */
  async payload(id: string, signal: AbortSignal): Promise<unknown> {
    const octokit = await this.#octokit();
    const { data } = await octokit.request("GET /app/hook/deliveries/{delivery_id}", {
      // The type says number, which would lose digits; in the path it is text anyway.
      delivery_id: id as unknown as number,
      request: callLimit(signal),
    });
    return payloadOf(data.request?.payload);
  }

  /** Says that this delivery is passed over, because GitHub does not give its payload. */
  passOver({ id, guid }: LoggedDelivery, problem: string): void {
    this.#items.passedOver(`the delivery ${id} (GUID ${guid})`, problem);
  }

  async #octokit() {
    // Setting the webhook's URL must never have to wait.
    this.#budget.checkRest("app");
    return (await this.#app).auth();
  }
}

/** The event itself, also where the webhook was set to send it as a form. */
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
