import { ADMIN_TOKEN } from "../../helpers/test-host.ts";
import { Visitor } from "../../helpers/visitor.ts";
import type { GitHub } from "../../simulator/simulator.ts";
import { LoadGenerator } from "../load-generator.ts";
import { percentile, type Spread, spread } from "../statistics.ts";
import { startTwinhook, type TwinhookSubject } from "../subjects/twinhook.ts";
import { fillStore } from "./fill-store.ts";

/** How often each page is asked for, after one time that does not count. */
const REQUESTS = 15;
const WARM_UP_SECONDS = 2;
/** One event in ten is of a new run. */
const FRESH_RUN_EVERY = 10;

/** Milliseconds until a page of this address was there, asked for one time after the other. */
export interface PageTime {
  page: string;
  median: number;
  max: number;
  limitMs: number;
}

export interface DashboardResult {
  pages: PageTime[];
  /** Events a second that an instance takes in, with an empty store and with a full one, and round by round to each other. */
  empty: Spread;
  full: Spread;
  ratio: Spread;
}

/** A page, and what it may take at the most. Where nothing matches, everything has been looked at. */
const PAGES: readonly [page: string, limitMs: number][] = [
  ["/", 200],
  ["/deployments", 200],
  ["/deliveries", 200],
  ["/deployments?status=failed", 300],
  ["/deployments?status=cancelled", 300],
  ["/deployments?q=0000000", 300],
  ["/deployments?target=acme%2Fsite%2Fproduction", 300],
  ["/deliveries?source=catch_up", 300],
  ["/deliveries?source=reconcile", 300],
  ["/deliveries?outcome=superseded&repository=acme%2Fsite", 300],
  ["/deliveries?q=20050000", 300],
  ["/deliveries?q=00000000-0000-4000-8000-000000000000", 300],
];

/** Measures the pages with a long past in the store, and what that past costs those who send events. */
export async function measureDashboard(
  github: GitHub,
  { seconds, rounds }: { seconds: number; rounds: number },
  note: (line: string) => void,
): Promise<DashboardResult> {
  const start = (name: string, prepare?: (path: string) => Promise<void>) =>
    startTwinhook(github, { name, command: ["sleep", "3600"], queue: "all", ...(prepare && { prepare }) });
  note("dashboard: filling a store");
  const full = await start("full", fillStore);
  const empty = await start("empty");
  const load = new LoadGenerator();
  try {
    const visitor = new Visitor(full.url);
    await visitor.signInWithToken(ADMIN_TOKEN);
    const pages: PageTime[] = [];
    for (const [page, limitMs] of PAGES) pages.push({ page, limitMs, ...(await timesOf(visitor, page)) });

    await github.goDown();
    const perSecond = async (subject: TwinhookSubject, time: number) =>
      (await load.run(subject, { freshRunEvery: FRESH_RUN_EVERY, seconds: time })).perSecond;
    for (const subject of [empty, full]) await perSecond(subject, WARM_UP_SECONDS);
    const speeds: { empty: number; full: number }[] = [];
    for (let round = 1; round <= rounds; round++) {
      note(`dashboard: accepts, round ${round} of ${rounds}`);
      // By turns the first, since a machine seldom stays as fast as it is.
      const speed = { empty: 0, full: 0 };
      for (const which of round % 2 === 1 ? (["empty", "full"] as const) : (["full", "empty"] as const))
        speed[which] = await perSecond(which === "full" ? full : empty, seconds);
      speeds.push(speed);
    }
    return {
      pages,
      empty: spread(speeds.map((speed) => speed.empty)),
      full: spread(speeds.map((speed) => speed.full)),
      ratio: spread(speeds.map((speed) => speed.full / speed.empty)),
    };
  } finally {
    load.close();
    await Promise.all([full.stop(), empty.stop()]);
    await github.comeBack();
  }
}

async function timesOf(visitor: Visitor, page: string): Promise<{ median: number; max: number }> {
  const times: number[] = [];
  for (let request = 0; request <= REQUESTS; request++) {
    const asked = performance.now();
    const answer = await visitor.get(page, { accept: "text/html" });
    const text = await answer.text();
    if (answer.status !== 200 || !text.includes("</html>"))
      throw new Error(`${page} was answered ${answer.status}: ${text.slice(0, 200)}`);
    times.push(performance.now() - asked);
  }
  const counted = times.slice(1);
  return { median: percentile(counted, 0.5), max: Math.max(...counted) };
}
