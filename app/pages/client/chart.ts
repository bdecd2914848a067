import type uPlot from "uplot";

/**
 * The samples of the chart: times in seconds, and for each endpoint its values (ms), or none where it has
 * none.
 */
interface Samples {
  names: string[];
  /** The start of the time axis, in seconds; it ends with the last time. */
  from: number;
  times: number[];
  lines: (number | null)[][];
}

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const HEIGHT = 170;
let Plot: typeof uPlot | undefined;
let plot: uPlot | undefined;
let drawn = "";
let from = 0;

/** Draws the samples in the page, again whenever they or the colours change. */
export function drawChart(): void {
  const place = document.getElementById("chart");
  const text = document.querySelector<HTMLElement>("[data-samples]")?.dataset.samples;
  if (!Plot || !place || text === undefined || text === drawn) return;
  const samples = JSON.parse(text) as Samples;
  if (samples.times.length < 2) {
    place.textContent = "The first values come within half a minute.";
    return;
  }
  if (!plot) place.replaceChildren();
  const data = [samples.times, ...samples.lines] as uPlot.AlignedData;
  from = samples.from;
  if (plot && drawn !== "") plot.setData(data);
  else {
    plot?.destroy();
    plot = new Plot(options(samples.names, place.clientWidth), data, place);
  }
  drawn = text;
}

/**
 * Fits the chart to its place and to the page's colours. Its library loads separately: it throws in a browser
 * with an unknown language (a POSIX locale). The rest of the page must not suffer from that.
 */
export function keepChart(): void {
  const place = document.getElementById("chart");
  if (!place) return;
  new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    drawn = "";
    drawChart();
  });
  import("uplot").then(
    ({ default: loaded }) => {
      Plot = loaded;
      drawChart();
    },
    () => {
      place.textContent = "This browser cannot draw the chart.";
    },
  );
}

function options(names: readonly string[], width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const font = `11px ${style.getPropertyValue("--sans")}`;
  const axis = {
    stroke: colour("muted"),
    font,
    grid: { stroke: colour("grid"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    legend: { live: true },
    scales: {
      x: { time: true, range: (_, __, last) => [from, last ?? from + 3600] },
      y: { range: (_, __, most) => [0, Math.max(10, (most ?? 0) * 1.15)] },
    },
    axes: [
      { ...axis, space: 80, size: 32, values: (_, ticks) => ticks.map((at) => clock.format(at * 1000)) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map((ms) => `${ms} ms`) },
    ],
    series: [
      {
        value: (_, at) => (at === null ? "–" : clock.format(at * 1000)),
      },
      ...names.map((label, at) => ({
        label,
        stroke: colour(`series-${(at % 4) + 1}`),
        width: 1.5,
        ...(at % 2 === 1 && { dash: [6, 3] }),
        points: { show: false },
        value: (_: uPlot, ms: number | null) => (ms === null ? "–" : `${ms} ms`),
      })),
    ],
  };
}
