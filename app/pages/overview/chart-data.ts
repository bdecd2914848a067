import { html } from "hono/html";
import { SAMPLE_MS } from "../../failover/health-record.ts";
import type { Markup } from "../layout.ts";
import { CHART_MS, type Overview } from "./read-overview.ts";

/** Where so many samples are missing, nobody measured: no line is drawn across. */
const GAP_MS = 3 * SAMPLE_MS;

/** What the chart draws: of every endpoint the average response time (ms), none where there was none, by time (s). */
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
