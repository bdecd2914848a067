import { once } from "node:events";
import { expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { endGroup } from "../../../app/run/interrupted.ts";
import {
  groupMembers,
  identify,
  isAlive,
  isGone,
  isStopped,
  type ProcessIdentity,
} from "../../../app/run/process-identity.ts";
import { halfEndedProcess } from "../../helpers/half-ended-process.ts";

it("takes a process for alive whose main thread has ended while another thread works", async () => {
  const { pid } = await halfEndedProcess();
  const identity = identify(pid) as ProcessIdentity;
  expect(identity).toMatchObject({ pid });
  expect(isAlive(identity)).toBe(true);
  expect(isGone(identity)).toBe(false);
  expect(groupMembers(identity)).toEqual([pid]);
});

it("takes it for gone once its last thread has ended", async () => {
  const child = await halfEndedProcess();
  const identity = identify(child.pid) as ProcessIdentity;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  expect(isAlive(identity)).toBe(false);
  expect(groupMembers(identity)).toEqual([]);
});

it("sees that it is stopped", async () => {
  const child = await halfEndedProcess();
  const identity = identify(child.pid) as ProcessIdentity;
  child.kill("SIGSTOP");
  await expect.poll(() => isStopped(identity)).toBe(true);
});

it("ends it before anything takes its place", async () => {
  const child = await halfEndedProcess();
  const ended = once(child, "exit");
  await endGroup(identify(child.pid) as ProcessIdentity, systemClock);
  expect(await ended).toEqual([null, "SIGTERM"]);
});
