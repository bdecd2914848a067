import { setTimeout as sleep } from "node:timers/promises";
import { identify, isAlive, type ProcessIdentity } from "../../../app/run/process-identity.ts";
import { endProcess } from "../../helpers/end-process.ts";
import type { FaultKind } from "../../simulator/faults.ts";
import type { InstanceName } from "../instances.ts";
import { attemptOf } from "../killer.ts";
import { breakStore, lockPostgres } from "../store-breaker.ts";
import type { Fault, Victim } from "./faults.ts";
import type { Stage } from "./stage.ts";
import { ALL_TARGETS } from "./targets.ts";

/** A fault as it was carried out. */
export interface Happened {
  fault: Fault;
  at: number;
  /** The active instance at that moment. */
  active: InstanceName;
  /** The processes that it hit: `primary`, `runner 4711`, `command 4712 dep_… 1`. */
  hit: string[];
}

/** A hold that the API confirmed: from its answer until its end was asked for. */
export interface Held {
  target: string;
  from: number;
  until: number;
}

/** A person asks again where no instance answers: the last resort on a busy machine. */
const PERSON_LIMIT_MS = 600_000;
const PERSON_PAUSE_MS = 500;

/** Carries out one fault, from its beginning to its end. The round's end ends it too, and nothing stays broken. */
export async function perform(stage: Stage, fault: Fault): Promise<void> {
  const { github, host, service, database } = stage;
  const happened: Happened = { fault, at: Date.now(), active: activeOf(stage), hit: [] };
  stage.happened.push(happened);
  const during = async (kind: FaultKind, route: string, forMs: number) => {
    const active = github.faults.add(kind, { route });
    await pause(stage, forMs).finally(() => active.clear());
  };
  switch (fault.what) {
    case "kill":
      for (const victim of victimsOf(stage, fault.whom))
        if (endProcess(victim.identity)) happened.hit.push(victim.name);
      return;
    case "freeze": {
      const frozen = victimsOf(stage, fault.whom).filter(({ identity }) => signal(identity, "SIGSTOP"));
      happened.hit.push(...frozen.map(({ name }) => name));
      return pause(stage, fault.forMs).finally(() => {
        for (const { identity } of frozen) signal(identity, "SIGCONT");
      });
    }
    case "restart":
      return inTurn(stage, fault.what, async () => {
        await service.stop();
        await service.start();
      });
    case "github_down":
      return inTurn(stage, fault.what, async () => {
        await github.goDown();
        await pause(stage, fault.forMs).finally(() => github.comeBack());
      });
    case "github_fails":
      return during({ kind: "status", status: fault.status }, fault.route, fault.forMs);
    case "github_slow":
      return during({ kind: "latency", ms: fault.ms }, "*", fault.forMs);
    case "rate_limit":
      return during(
        fault.secondary
          ? { kind: "secondary-rate-limit", retryAfterS: 2 }
          : { kind: "rate-limit", resetInS: 3 },
        "*",
        fault.forMs,
      );
    case "lose_answers":
      return during({ kind: "lost-answer" }, fault.route, fault.forMs);
    case "lag":
      Object.assign(github.settings, { deliveryListLagMs: fault.logMs, runListLagMs: fault.runsMs });
      return pause(stage, fault.forMs).finally(() =>
        Object.assign(github.settings, { deliveryListLagMs: 0, runListLagMs: 0 }),
      );
    case "cut_store":
      return breakStore(host, stage.proxy, { at: fault.at, heldMs: fault.forMs });
    case "lock_store":
      if (database) return lockPostgres(database.url, fault.forMs);
      return breakStore(host, undefined, { at: "all", heldMs: fault.forMs });
    case "restart_store": {
      const { pause: stop, resume } = database?.server ?? {};
      if (!stop || !resume) return breakStore(host, stage.proxy, { at: "all", heldMs: fault.forMs });
      return inTurn(stage, fault.what, async () => {
        await stop();
        await pause(stage, fault.forMs).finally(resume);
      });
    }
    case "hold":
      return hold(stage, fault.target, fault.forMs);
    case "switchover": {
      const to = activeOf(stage) === "primary" ? "backup" : "primary";
      await host.admin(to, "POST", "/api/switchover", { to, reason: "the campaign" }).catch(() => {});
      await pause(stage, fault.forMs);
      return insist(stage, "DELETE", "/api/switchover", undefined, [202, 404, 409]);
    }
  }
}

/** The instance that GitHub's webhook URL names. */
export function activeOf({ github, host }: Pick<Stage, "github" | "host">): InstanceName {
  return github.hook.config.url.startsWith(host.url("backup", "/")) ? "backup" : "primary";
}

function victimsOf(stage: Stage, whom: Victim): { name: string; identity: ProcessIdentity }[] {
  const { service, host } = stage;
  const active = activeOf(stage);
  const other = active === "primary" ? "backup" : "primary";
  const instances = { active: [active], other: [other], both: [active, other] } as const;
  if (whom === "supervisor" || whom === "active" || whom === "other" || whom === "both")
    return (whom === "supervisor" ? ([whom] as const) : instances[whom]).flatMap((name) => {
      const identity = service.find(name);
      return identity ? [{ name, identity }] : [];
    });
  const [busy] = host.busyRunners();
  if (!busy) return [];
  const attempt = attemptOf(busy.command);
  if (whom === "runner") return [{ name: `runner ${busy.runner.pid} ${attempt}`, identity: busy.runner }];
  // Before it has an environment of its own, a command is no command yet.
  if (!busy.command || attempt === "") return [];
  return [{ name: `command ${busy.command.pid} ${attempt}`, identity: busy.command }];
}

function signal(identity: ProcessIdentity, name: "SIGSTOP" | "SIGCONT"): boolean {
  if (!isAlive(identity) || identify(identity.pid)?.startTime !== identity.startTime) return false;
  try {
    process.kill(identity.pid, name);
    return true;
  } catch {
    return false;
  }
}

function hold(stage: Stage, target: string, forMs: number): Promise<void> {
  const { repository } = ALL_TARGETS.find(({ name }) => name === target) ?? {};
  const path = `/api/targets/${repository}/${target}/hold`;
  return inTurn(stage, `hold ${target}`, async () => {
    await insist(stage, "POST", path, { reason: "the campaign" }, [202]);
    const from = Date.now();
    await pause(stage, forMs);
    const until = Date.now();
    await insist(stage, "DELETE", path, undefined, [202]);
    stage.held.push({ target, from, until });
  });
}

function pause({ signal: ended }: Stage, forMs: number): Promise<void> {
  return sleep(forMs, undefined, { signal: ended });
}

/** Works of one name go one after the other. */
function inTurn({ turns }: Stage, name: string, work: () => Promise<void>): Promise<void> {
  const turn = (turns.get(name) ?? Promise.resolve()).then(work);
  turns.set(name, turn);
  return turn;
}

/** Asks one instance after the other until one answers as `wanted`. */
async function insist(
  { host, signal: ended }: Stage,
  method: string,
  path: string,
  body: unknown,
  wanted: readonly number[],
): Promise<void> {
  let last = "";
  for (const until = Date.now() + PERSON_LIMIT_MS; Date.now() < until; await sleep(PERSON_PAUSE_MS)) {
    ended.throwIfAborted();
    for (const name of ["primary", "backup"])
      try {
        const answer = await fetch(host.url(name, path), {
          method,
          headers: {
            authorization: `Bearer ${host.env.TWINHOOK_ADMIN_TOKEN}`,
            "content-type": "application/json",
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          signal: AbortSignal.any([ended, AbortSignal.timeout(20_000)]),
        });
        if (wanted.includes(answer.status)) return;
        last = `${answer.status} ${await answer.text()}`;
      } catch (error) {
        last = (error as Error).message;
      }
  }
  throw new Error(`${method} ${path}: no instance answered ${wanted.join(" or ")}; last ${last}`);
}
