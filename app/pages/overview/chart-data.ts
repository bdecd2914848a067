import { html } from "hono/html";
import { SAMPLE_MS } from "../../failover/health-record.ts";
import type { Markup } from "../layout.ts";
import { CHART_MS, type Overview } from "./read-overview.ts";

/** A gap of this length means that nobody measured: no line crosses it. */
const GAP_MS = 3 * SAMPLE_MS;

/** The data of the chart: by time (s), each endpoint's average response time (ms), or none. */
export function chartData({ samples, endpoints, now }: Overview): Markup {
  const measured = [...new Set(samples.map(({ at }) => at))];
  const times = measured.flatMap((at, index) => {
    const before = measured[index - 1] ?? at;
    return at - before > GAP_MS ? [before + SAMPLE_MS, at] : [at];
  });
  const lines = endpoints.map(({ name }) => {
    const own = new Map(samples.filter((s) => s.endpoint === name).map((s) => [s.at, s.average_ms]));
    return times.map((at) => {
      const ms = own.get(at) ?? null;
      return ms === null ? null : Math.round(ms * 100) / 100;
    });
  });
  const last = times.at(-1) ?? now;
  const data = {
    names: endpoints.map(({ name }) => name),
    from: Math.round((last - CHART_MS) / 1000),
    times: times.map((at) => Math.round(at / 1000)),
    lines,
  };
  return html`<div hidden data-samples="${JSON.stringify(data)}"></div>`;
}
