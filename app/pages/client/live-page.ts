/** Keeps a page up to date without reloading, and serves its dialogs, log, chart and times. */
import { drawChart, keepChart } from "./chart.ts";
import { Connection, type Message } from "./connection.ts";
import { serveCopying } from "./copy.ts";
import { serveDialogs } from "./dialogs.ts";
import { showState } from "./live-state.ts";
import { appendLog, followLog, logShown } from "./log.ts";
import { showRegions } from "./regions.ts";
import { tellTimes } from "./times.ts";

const { csrf = "", instances: listed = "[]" } = document.body.dataset;
const instances = JSON.parse(listed) as { name: string; url: string }[];

function receive({ type, data }: Message): void {
  if (type === "page") {
    showRegions(data.regions as Record<string, string>);
    document.title = `${data.title} · Twinhook`;
    drawChart();
    tellTimes();
  }
  if (type === "log") appendLog(data as unknown as Parameters<typeof appendLog>[0]);
}

/** The `/live` URLs of the page's own instance and of the others. */
function addresses(): string[] {
  const own = new URL("/live", location.href).href;
  const others = instances.filter(({ url }) => new URL(url).origin !== location.origin);
  return [own, ...others.map(({ url }) => `${url.replace(/\/$/, "")}/live`)].map((url) =>
    url.replace(/^http/, "ws"),
  );
}

document.documentElement.dataset.scripted = "";
serveDialogs(csrf);
serveCopying();
followLog();
keepChart();
tellTimes();
setInterval(tellTimes, 1_000);
document
  .querySelector("form[data-filters]")
  ?.addEventListener("change", ({ currentTarget }) => (currentTarget as HTMLFormElement).requestSubmit());
new Connection({
  urls: addresses(),
  hello: () => ({ show: location.pathname + location.search, log: logShown() }),
  onMessage: receive,
  onState: (state) => {
    showState(state, instances);
    tellTimes();
  },
}).start();
