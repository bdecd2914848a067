/**
 * Three hosts that share nothing but PostgreSQL and GitHub, each cut off in its turn. Runs in the middle of the
 * network that `several-hosts.test.ts` makes, and writes down what happened as JSON, for the test to judge.
 */
import { writeFileSync } from "node:fs";
import { WEBHOOK_PATH } from "../../shared/deployment-request.ts";
import { DATABASE_ADDRESS, GITHUB_ADDRESS, Network } from "../helpers/network.ts";
import { PATIENCE_MS } from "../helpers/patience.ts";
import { startPostgres } from "../helpers/postgres.ts";
import { TestHost } from "../helpers/test-host.ts";
import { startGitHub } from "../simulator/simulator.ts";

export const HOSTS = ["one", "two", "three"];
const PORT = 9_000;
const REPOSITORY = "acme/site";
const EVENT_EVERY_MS = 400;
/** Failures count for a minute, and a host that was cut off must be seen well again before it is chosen. */
const RECOVERY_MS = 2 * PATIENCE_MS;

/** What happened while a host was cut off from something. */
export interface Round {
  from: "everyone" | "database" | "others" | "github";
  host: string;
  /** Milliseconds until GitHub's webhook named another host; null where it need not. */
  movedAfterMs: number | null;
  /** What the host itself said of its readiness. */
  readiness: string | null;
  /** Milliseconds from the mending until it was ready again. */
  readyAfterMs: number;
  /** How many events were accepted, meanwhile, by the other hosts. */
  accepted: number;
}

export interface Report {
  rounds: Round[];
  sent: number[];
  deployments: { run_id: number | null; status: string; source: string }[];
  /** Instances whose process did not live through it. */
  dead: string[];
  /** Run ids in the order in which commands were started, of all hosts. */
  started: number[];
}

async function main(tag: string, reportFile: string, everyHost: boolean): Promise<void> {
  const network = new Network(tag, HOSTS);
  const postgres = await startPostgres({ host: DATABASE_ADDRESS });
  const github = await startGitHub({ host: GITHUB_ADDRESS, deliveryLimitMs: 2_000 });
  github.addRepository(REPOSITORY);
  const store = await postgres.createDatabase();
  const instances = HOSTS.map((name) => {
    const address = `${network.address(name)}:${PORT}`;
    return { name, host: name, url: `http://${address}`, listen: address };
  });
  const hosts = await Promise.all(
    HOSTS.map(async (name) => {
      const host = await TestHost.create({
        github,
        store,
        config: { instances, failover: {} },
        targets: [{ hosts: HOSTS }],
        through: network.inside(name),
      });
      for (const one of instances) host.urls[one.name] = one.url;
      await host.start(name);
      return host;
    }),
  );
  const [first] = hosts as [TestHost];

  const activeHost = () =>
    instances.find(({ url }) => github.hook.config.url === `${url}${WEBHOOK_PATH}`)?.name;
  const accepted = () => github.deliveries.filter(({ status_code }) => status_code < 300).length;
  const ready = async (name: string) => {
    const answer = await fetch(first.url(name, "/readyz"), { signal: AbortSignal.timeout(1_500) });
    return ((await answer.json()) as { status: string }).status;
  };
  const isReady = async (name: string) => (await ready(name).catch(() => null)) === "ready";
  const until = async (what: string, is: () => boolean | Promise<boolean>, limitMs = PATIENCE_MS) => {
    const begun = performance.now();
    while (!(await is())) {
      if (performance.now() - begun > limitMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return Math.round(performance.now() - begun);
  };

  await until("GitHub delivers to a host", () => activeHost() !== undefined);
  await until("all are ready", async () => (await Promise.all(HOSTS.map(isReady))).every(Boolean));
  const sent: number[] = [];
  const events = setInterval(() => {
    sent.push(github.completeRun({ repository: REPOSITORY }).run.id);
  }, EVENT_EVERY_MS);

  const rounds: Round[] = [];
  const cutOff = async (from: Round["from"], cut: (host: string) => void, mend: (host: string) => void) => {
    const host = activeHost() as string;
    cut(host);
    // Whoever is only cut off from the others still serves.
    const movedAfterMs =
      from === "others" ? null : await until("another host is active", () => activeHost() !== host);
    const before = accepted();
    await until("events are accepted", () => accepted() >= before + 3);
    if (from === "database")
      await until(`${host} is not ready`, async () => (await ready(host).catch(() => null)) === "not ready");
    const readiness = await ready(host).catch(() => null);
    const during = accepted() - before;
    mend(host);
    const readyAfterMs = await until(`${host} is ready again`, () => isReady(host));
    rounds.push({ from, host, movedAfterMs, readiness, readyAfterMs, accepted: during });
    console.log(JSON.stringify(rounds.at(-1)));
  };
  const addresses = (names: readonly string[]) => names.map((name) => network.address(name));
  const others = (host: string) => addresses(HOSTS.filter((name) => name !== host));
  const to = (choose: (host: string) => string[]) =>
    [(h: string) => network.cut(h, choose(h)), (h: string) => network.mend(h, choose(h))] as const;
  const admin = (method: string, host: string, body?: object) =>
    first.admin(host, method, "/api/switchover", body);
  const makeActive = async (host: string) => {
    const isActive = () => activeHost() === host;
    // Refused while it is not healthy, and void when it is not a moment later.
    const asked = () =>
      admin("POST", host, { to: host })
        .then(() => until(`${host} is the active one`, isActive, 2_000))
        .then(isActive, () => false);
    await until(`${host} has become the active one`, asked, RECOVERY_MS);
    await admin("DELETE", host);
  };
  const inTurn = async (...cut: Parameters<typeof cutOff>) => {
    for (const host of everyHost ? HOSTS : [null]) {
      if (host) await makeActive(host);
      await cutOff(...cut);
    }
  };
  // That GitHub cannot reach it, only GitHub's own log tells, and that to a controller which can reach GitHub.
  // First, since after cuts that made all of them fail no host is better than one that fails now and then.
  await inTurn("github", ...to(() => [GITHUB_ADDRESS]));
  await inTurn(
    "everyone",
    (host) => network.unplug(host),
    (host) => network.plugIn(host),
  );
  await inTurn("database", ...to(() => [DATABASE_ADDRESS]));
  await inTurn("others", ...to(others));
  clearInterval(events);

  const deployments = () => first.deployments(activeHost() as string);
  const settled = (d: { status: string }) => d.status === "succeeded" || d.status === "superseded";
  await until("every event is deployed", async () => {
    const all = await deployments();
    return all.length >= sent.length && all.every(settled);
  }).catch((error: Error) => console.log(error.message));
  const report: Report = {
    rounds,
    sent,
    deployments: (await deployments()).map(({ run_id, status, source }) => ({ run_id, status, source })),
    dead: HOSTS.filter((_, place) => hosts[place]?.processes[0]?.child.exitCode !== null),
    started: hosts
      .flatMap((host) => host.trace())
      .filter(({ what }) => what === "start")
      .sort((a, b) => a.at - b.at)
      .map(({ runId }) => runId),
  };
  writeFileSync(reportFile, JSON.stringify(report));
  if (process.env.TWINHOOK_TEST_LOG)
    for (const host of hosts) for (const one of host.processes) console.log(one.output);
  await Promise.all(hosts.map((host) => host.close()));
  await Promise.all([github.close(), postgres.stop()]);
}

if (import.meta.main)
  await main(process.argv[2] as string, process.argv[3] as string, process.argv[4] === "every-host");
