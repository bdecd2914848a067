import { Agent as HttpAgent, request as httpRequest, type RequestOptions } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { urlToHttpOptions } from "node:url";
import { INSTANCE_HEADER, isByInstance } from "../../shared/instance-header.ts";
import type { Clock } from "../clock.ts";
import { type Health, type HealthStatus, HealthWindow, type Thresholds } from "./health-window.ts";

/** An instance's answer is shorter; the rest is not read. */
const MAX_ANSWER_LENGTH = 4_096;
/** How many time limits an unanswered check may last in all, where it may go on. */
const MOST_LIMITS = 3;
/** The least time between two calls of `onChange` while every check succeeds. */
const CALM_MS = 1_000;

export interface CheckedEndpoint {
  name: string;
  url: string;
}

/**
 * Checks every endpoint's readiness through its public URL, over connections that are kept open. Each check starts
 * on time, even while earlier ones are unanswered.
 */
export class HealthChecker {
  /** Each endpoint with the request that checks it, made once: instances check each other all day. */
  #endpoints: readonly { name: string; request: RequestOptions }[];
  #thresholds: Thresholds;
  #clock: Clock;
  #onChange: () => void;
  #onStatus: (name: string, was: HealthStatus, health: Health) => void;
  #onChecked: (name: string, ok: boolean, ms: number) => void;
  /** Each endpoint's health at its last observation. */
  #last = new Map<string, Health>();
  #windows = new Map<string, HealthWindow>();
  #checkedAt = new Map<string, number>();
  #onStoreFailure: (name: string) => void;
  #mayGoOn: (name: string) => boolean;
  /** When checks last began, and when this process last noticed that it had stood still (ms, monotonic). */
  #begunAt: number;
  #resumedAt = Number.NEGATIVE_INFINITY;
  /** When `onChange` was last called (ms, monotonic). */
  #toldAt = Number.NEGATIVE_INFINITY;
  #agents = { "http:": new HttpAgent({ keepAlive: true }), "https:": new HttpsAgent({ keepAlive: true }) };
  #timer: NodeJS.Timeout | undefined;

  /**
   * `onChange` is called after every observation. Only a further success of an endpoint that is well may wait for up
   * to a second. `onStatus` is called before it if a status has changed. `onChecked` gets the result of every check.
   * `onStoreFailure` is called when an endpoint says that it cannot commit. `mayGoOn` is asked about each check that
   * has no answer at its time limit: whether its endpoint lives all the same, on a machine too busy to answer in time.
   */
  constructor(options: {
    endpoints: readonly CheckedEndpoint[];
    thresholds: Thresholds;
    clock: Clock;
    onChange: () => void;
    onStatus: (name: string, was: HealthStatus, health: Health) => void;
    onChecked?: (name: string, ok: boolean, ms: number) => void;
    onStoreFailure?: (name: string) => void;
    mayGoOn?: (name: string) => boolean;
  }) {
    this.#endpoints = options.endpoints.map(({ name, url }) => {
      const target = new URL(`${url}/readyz`);
      return {
        name,
        request: { ...urlToHttpOptions(target), agent: this.#agents[target.protocol as "http:"] },
      };
    });
    this.#thresholds = options.thresholds;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#onStatus = options.onStatus;
    this.#onChecked = options.onChecked ?? (() => {});
    this.#onStoreFailure = options.onStoreFailure ?? (() => {});
    this.#mayGoOn = options.mayGoOn ?? (() => false);
    this.#begunAt = this.#clock.monotonic();
    for (const { name } of this.#endpoints) this.#windows.set(name, new HealthWindow(this.#thresholds));
  }

  start(): void {
    const checkAll = () => {
      this.#noticeStandstill();
      this.#begunAt = this.#clock.monotonic();
      for (const endpoint of this.#endpoints) this.#check(endpoint);
    };
    this.#timer = setInterval(checkAll, this.#thresholds.health_check_interval);
    checkAll();
  }

  close(): void {
    clearInterval(this.#timer);
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  /** Each endpoint's health, in order of preference. `checkedAt` is wall clock (ms), null before the first check. */
  observe(): { name: string; health: Health; checkedAt: number | null }[] {
    this.#noticeStandstill();
    const now = this.#clock.monotonic();
    return this.#endpoints.map(({ name }) => ({
      name,
      health: this.#window(name).health(now),
      checkedAt: this.#checkedAt.get(name) ?? null,
    }));
  }

  /** An endpoint's process is proven dead. */
  died(name: string, reason: string): void {
    this.#windows.get(name)?.died(this.#clock.monotonic(), reason);
    this.#changed(name);
  }

  /** An endpoint says whether it is shutting down. */
  leaving(name: string, leaving: boolean): void {
    const window = this.#windows.get(name);
    if (!window || window.isLeaving === leaving) return;
    window.leaving(this.#clock.monotonic(), leaving);
    this.#changed(name);
  }

  /** The link to an endpoint's instance is lost. */
  lost(name: string): void {
    this.#windows.get(name)?.lost();
  }

  /** Whether an endpoint has said that it is shutting down. */
  isLeaving(name: string): boolean {
    return this.#windows.get(name)?.isLeaving ?? false;
  }

  /** Takes note of a delivery to an endpoint, as GitHub's log shows it. */
  delivered(name: string, ok: boolean, ms: number): void {
    this.#windows.get(name)?.delivered(this.#clock.monotonic(), ok, ms);
  }

  #changed(name: string): void {
    const health = this.#window(name).health(this.#clock.monotonic());
    const last = this.#last.get(name);
    this.#last.set(name, health);
    const was = last?.status ?? "unknown";
    if (health.status !== was) this.#onStatus(name, was, health);
    // Some decisions depend on time, such as a failback. So they are made again even where all goes on as before.
    const now = this.#clock.monotonic();
    if (last && isWell(health) && isWell(last) && now - this.#toldAt < CALM_MS) return;
    this.#toldAt = now;
    this.#onChange();
  }

  /**
   * Notices that this process itself stood still: its checks are later than the time limit of a check. Pending checks
   * then say nothing about the endpoints, and earlier results may be out of date.
   */
  #noticeStandstill(): void {
    const now = this.#clock.monotonic();
    const { health_check_interval, health_check_timeout } = this.#thresholds;
    if (now - this.#begunAt <= health_check_interval + health_check_timeout) return;
    this.#begunAt = now;
    this.#resumedAt = now;
    for (const window of this.#windows.values()) window.interrupted(now);
  }

  #window(name: string): HealthWindow {
    return this.#windows.get(name) as HealthWindow;
  }

  #check({ name, request: to }: { name: string; request: RequestOptions }): void {
    const begun = this.#clock.monotonic();
    let settled = false;
    const settle = (failure: string | null, storeFails = false) => {
      if (settled) return;
      settled = true;
      clearTimeout(limit);
      this.#noticeStandstill();
      if (begun < this.#resumedAt) return;
      const now = this.#clock.monotonic();
      this.#checkedAt.set(name, this.#clock.now());
      if (failure === null) this.#window(name).succeeded(now, now - begun);
      else this.#window(name).failed(now, now - begun, failure, { storeFails });
      this.#onChecked(name, failure === null, now - begun);
      if (storeFails) this.#onStoreFailure(name);
      this.#changed(name);
    };
    const request = (to.protocol === "https:" ? httpsRequest : httpRequest)(to, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        if (text.length < MAX_ANSWER_LENGTH) text += part;
      });
      response.on("end", () => {
        const answer = `/readyz answered ${response.statusCode}`;
        if (!isByInstance(response.headers))
          settle(`${answer}, but not by an instance: without the header ${INSTANCE_HEADER}`);
        else if (response.statusCode === 200) settle(null);
        else settle(answer, saysNotReady(text));
      });
      response.on("error", (error) => settle(error.message));
    });
    request.on("error", (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
    const limitMs = this.#thresholds.health_check_timeout;
    let limits = 1;
    const late = () =>
      // If this process was busy, an answer may wait unread: read it before the check counts as failed.
      setImmediate(() => {
        if (!settled && limits < MOST_LIMITS && this.#mayGoOn(name)) {
          limits += 1;
          limit = setTimeout(late, limitMs);
          return;
        }
        settle(`no answer within ${limits * limitMs} ms`);
        request.destroy();
      });
    let limit = setTimeout(late, limitMs);
    request.end();
  }
}

function isWell({ status, consecutiveFailures, stale }: Health): boolean {
  return status === "healthy" && consecutiveFailures === 0 && !stale;
}

/** Whether an instance says that it cannot commit. */
function saysNotReady(text: string): boolean {
  try {
    return (JSON.parse(text) as { status?: unknown } | null)?.status === "not ready";
  } catch {
    return false;
  }
}
