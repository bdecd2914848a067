import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { endGroup } from "../../../app/run/interrupted.ts";
import { identify, type ProcessIdentity } from "../../../app/run/process-identity.ts";

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
