/** The picture of a run of the demo, relative to the project's folder. The README has the lines that it shows. */
export const TIMELINE_PICTURE = "docs/timeline.svg";

const LANES = ["GitHub", "primary", "backup", "Action"] as const;
const WIDTH = 900;
const ROW = 26;
const TOP = 48;
/** Where the first lane is, and the distance to the next (pixels). */
const FIRST_LANE = 100;
const LANE = 62;
const TEXT = FIRST_LANE + LANES.length * LANE - 10;

interface Line {
  /** Seconds since the start of the demo. */
  at: number;
  actor: string;
  text: string;
}

/** Draws the lines of the demo that stand in a page: a row for each line, a lane for each who acts. */
export function timelinePicture(page: string): string {
  const lines = linesOf(page);
  const killed = lines.findIndex(({ actor }) => actor === "demo");
  const back = lines.findIndex(({ text }) => text.startsWith("listens again"));
  const zero = lines[killed]?.at ?? 0;
  const yOf = (row: number) => TOP + row * ROW;
  const height = yOf(lines.length) + 8;
  const lanes = LANES.flatMap((lane, index) => {
    const x = FIRST_LANE + index * LANE;
    const line = (from: number, to: number, kind: string) =>
      `<line class="${kind}" x1="${x}" y1="${from}" x2="${x}" y2="${to}"/>`;
    const name = `<text class="lane" x="${x}" y="24">${lane}</text>`;
    if (lane !== "primary") return [name, line(34, height - 12, "alive")];
    return [
      name,
      line(34, yOf(killed), "alive"),
      line(yOf(killed), yOf(back), "dead"),
      line(yOf(back), height - 12, "alive"),
    ];
  });
  const rows = lines.map(({ at, actor, text }, row) => {
    // It is the primary that the demo kills.
    const lane = LANES.indexOf((actor === "demo" ? "primary" : actor) as (typeof LANES)[number]);
    const y = yOf(row);
    const since = `${at < zero ? "−" : "+"}${Math.abs(at - zero).toFixed(2)} s`;
    const dot = `<circle class="${actor === "demo" ? "kill" : "dot"}" cx="${FIRST_LANE + lane * LANE}" cy="${y}" r="6"/>`;
    return `<text class="time" x="60" y="${y + 4}">${since}</text>${dot}<text x="${TEXT}" y="${y + 4}">${escaped(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>A run of the demo, with the time since the primary was killed</title>
<style>
text { font: 13px sans-serif; fill: #1f2328 }
.lane { font-weight: bold; text-anchor: middle }
.time { text-anchor: end; fill: #59636e }
.alive { stroke: #8c959f; stroke-width: 2 }
.dead { stroke: #d1242f; stroke-width: 2; stroke-dasharray: 3 5 }
.dot { fill: #1a7f37 }
.kill { fill: #d1242f }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .time { fill: #9198a1 }
}
</style>
${[...lanes, ...rows].join("\n")}
</svg>
`;
}

/** The lines of the demo, without the numbers of processes: these say nothing to others. */
function linesOf(page: string): Line[] {
  return [...page.matchAll(/^ {4,}(\d+\.\d\d) s {2}(\S+) +(.+)$/gm)].map(([, at, actor = "", text = ""]) => ({
    at: Number(at),
    actor,
    text: text.replace(/ \d+(?=: the primary is dead)/, "").replace(/ \(process \d+\)$/, ""),
  }));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
