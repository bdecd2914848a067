import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { expect, it } from "vitest";
import { type Clock, systemClock } from "../../../app/clock.ts";
import { endGroup } from "../../../app/run/interrupted.ts";
import { groupMembers, identify, type ProcessIdentity } from "../../../app/run/process-identity.ts";
import { eventually } from "../../helpers/eventually.ts";

/** Nobody, and somebody else. */
const [SELF, OTHER] = [65_534, 65_533];

it("a command that became another user's is waited for, which is said, since it may not be ended", async ({
  skip,
}) => {
  if (process.getuid?.() !== 0) return skip("becoming another user needs root");
  const child = spawn("sleep", ["1"], { uid: OTHER, detached: true, stdio: "ignore" });
  const ended = once(child, "exit");
  let refused = 0;
  process.seteuid?.(SELF);
  try {
    await endGroup(identify(child.pid as number) as ProcessIdentity, systemClock, () => {
      refused += 1;
    });
  } finally {
    process.seteuid?.(0);
  }
  expect(refused).toBe(1);
  expect(await ended).toEqual([0, null]);
});

it("what only a part of the group's end leaves to another user is waited for, which is said once", async ({
  skip,
}) => {
  if (process.getuid?.() !== 0) return skip("becoming another user needs root");
  // As under sudo: the leader may be signalled, and the command that it began may not. That ends with its input.
  const script = `setpriv --reuid=${OTHER} cat <&3 & exec setpriv --reuid=${SELF} sleep 600`;
  const child = spawn("sh", ["-c", script], {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  const leader = identify(child.pid as number) as ProcessIdentity;
  const users = () => groupMembers(leader).map((pid) => statSync(`/proc/${pid}`).uid);
  await eventually(() => expect(users().toSorted()).toEqual([OTHER, SELF]));
  let refused = 0;
  let looks = 0;
  let now = 0;
  const clock: Clock = {
    ...systemClock,
    monotonic: () => {
      now += 6_000;
      return now;
    },
    sleep: async (ms, signal) => {
      looks += 1;
      if (looks === 20) child.stdio[3]?.destroy();
      await systemClock.sleep(ms, signal);
    },
  };
  process.seteuid?.(SELF);
  try {
    await endGroup(leader, clock, () => {
      refused += 1;
    });
  } finally {
    process.seteuid?.(0);
  }
  expect(await ended).toEqual([null, "SIGTERM"]);
  expect(refused).toBe(1);
});
