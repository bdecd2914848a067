import type { GitHub } from "../simulator/simulator.ts";
import { LoadGenerator } from "./load-generator.ts";
import { type Build, OWN_BUILD } from "./other-build.ts";
import { type Comparison, compare, type Spread, spread } from "./statistics.ts";
import { findAdnanhWebhook, startAdnanhWebhook } from "./subjects/adnanh-webhook.ts";
import { startProbot } from "./subjects/probot.ts";
import type { Subject } from "./subjects/subject.ts";
import { startTwinhook } from "./subjects/twinhook.ts";
import { takeTurns } from "./turns.ts";

/** Enough for the just-in-time compilers. */
const WARM_UP_SECONDS = 2;

/** How fast one subject took events in, over all rounds. */
export interface AcceptResult {
  subject: string;
  perSecond: Spread;
  /** Milliseconds. */
  p50: Spread;
  p99: Spread;
  /** To bare Probot, round by round. */
  ratio: Spread;
  /** To the same events at the build that it is compared with. */
  against?: Comparison;
  /** Events that were answered 2xx, and how many of them the store holds; null where there is no store. */
  accepted: number;
  stored: number | null;
}

interface Contender {
  subject: Subject;
  freshRunEvery: number;
  stored?: () => number;
  /** The same of the other build. */
  rival?: Contender;
}

/** Measures durable accepts: all subjects in every round, one after the other. */
export async function measureAccepts(
  github: GitHub,
  { seconds, rounds, other }: { seconds: number; rounds: number; other: Build | null },
  note: (line: string) => void,
): Promise<AcceptResult[]> {
  const contenders = await startAll(github, other, note);
  const load = new LoadGenerator();
  try {
    // The outbox would call GitHub for every deployment: that is not the accepting, and has its own time.
    await github.goDown();
    const accepted = new Map<Contender, number>();
    const count = (contender: Contender, events: number) =>
      accepted.set(contender, (accepted.get(contender) ?? 0) + events);
    for (const contender of contenders) {
      const { freshRunEvery, subject } = contender;
      count(contender, (await load.run(subject, { freshRunEvery, seconds: WARM_UP_SECONDS })).accepted);
    }
    const results = await takeTurns(contenders, rounds, async (contender, round): Promise<RoundResult> => {
      note(`round ${round + 1} of ${rounds}: ${contender.subject.name}`);
      const { freshRunEvery, subject } = contender;
      const result = await load.run(subject, { freshRunEvery, seconds });
      count(contender, result.accepted);
      return result;
    });
    const rates = (contender: Contender) => (results.get(contender) ?? []).map(({ perSecond }) => perSecond);
    const base = results.get(contenders[0] as Contender) as RoundResult[];
    return contenders.map((contender) => {
      const own = results.get(contender) as RoundResult[];
      return {
        subject: contender.subject.name,
        perSecond: spread(own.map(({ perSecond }) => perSecond)),
        p50: spread(own.map(({ p50 }) => p50)),
        p99: spread(own.map(({ p99 }) => p99)),
        ratio: spread(own.map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? Number.NaN))),
        ...(contender.rival && { against: compare(rates(contender), rates(contender.rival)) }),
        accepted: accepted.get(contender) ?? 0,
        stored: contender.stored?.() ?? null,
      };
    });
  } finally {
    load.close();
    await Promise.all(contenders.map(({ subject }) => subject.stop()));
    await github.comeBack();
  }
}

interface RoundResult {
  perSecond: number;
  p50: number;
  p99: number;
}

/** Bare Probot comes first: the others are compared with it. */
async function startAll(
  github: GitHub,
  other: Build | null,
  note: (line: string) => void,
): Promise<Contender[]> {
  const contenders: Contender[] = [{ subject: await startProbot(github), freshRunEvery: 0 }];
  const rivals = other ? await startBuild(github, other) : [];
  for (const [index, contender] of (await startBuild(github, OWN_BUILD)).entries()) {
    const rival = rivals[index];
    contenders.push(rival ? { ...contender, rival } : contender);
    if (rival) contenders.push(rival);
  }
  const binary = findAdnanhWebhook();
  const secret = github.app.webhookSecret;
  if (binary)
    contenders.push({
      subject: await startAdnanhWebhook(binary, { secret, command: "true" }),
      freshRunEvery: 0,
    });
  else note("adnanh/webhook is left out: there is no `webhook` on the PATH");
  return contenders;
}

/** One build twice: for events of a known run, and for events of new runs. */
async function startBuild(github: GitHub, build: Build): Promise<Contender[]> {
  const known = await startTwinhook(github, {
    name: `${build.name}, fresh GUIDs of one run`,
    command: ["true"],
    queue: "all",
    build,
  });
  // The first deployment goes on until the end, so that the others are recorded and wait: the accepting is
  // measured, not the running.
  const fresh = await startTwinhook(github, {
    name: `${build.name}, every event a new run`,
    command: ["sleep", "3600"],
    queue: "all",
    build,
  });
  return [
    { subject: known, freshRunEvery: 0, stored: () => known.deliveries() },
    { subject: fresh, freshRunEvery: 1, stored: () => fresh.deliveries() },
  ];
}
