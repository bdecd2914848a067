import { expect, it, onTestFinished } from "vitest";
import { configSchema } from "../../../app/config/schema.ts";
import { ProcessWatch, stopLimit } from "../../../app/failover/process-watch.ts";
import type { ProcessState } from "../../../app/run/process-identity.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const { failover: thresholds } = configSchema.parse({
  instances: [{ name: "primary", url: "http://127.0.0.1:1", listen: "127.0.0.1:1" }],
});
const LOOK_MS = 50;

/** A watch of one process, whose state the test sets, and which checks when the test says so. */
function scene() {
  const clock = new ManualClock();
  const kernel: { state: ProcessState | undefined } = { state: "running" };
  const stopped: string[] = [];
  const gone: string[] = [];
  const watch = new ProcessWatch({
    names: ["primary"],
    thresholds,
    clock,
    stateOf: () => kernel.state,
    onStopped: (name, reason) => stopped.push(`${name}: ${reason}`),
    onGone: (name) => gone.push(name),
  });
  onTestFinished(() => watch.close());
  /** Looks every 50 ms for so long. */
  const lookFor = (ms: number) => {
    for (let rest = ms; rest > 0; rest -= LOOK_MS) {
      clock.ms += LOOK_MS;
      watch.check();
    }
  };
  lookFor(LOOK_MS);
  return { clock, kernel, stopped, gone, watch, lookFor };
}

it("with the defaults, a process that is stopped is found 300 ms after it was first seen so", () => {
  expect(stopLimit(thresholds)).toBe(300);
  const { kernel, stopped, watch, lookFor } = scene();
  kernel.state = "stopped";
  lookFor(300);
  expect(stopped).toEqual([]);
  expect(watch.isStopped("primary")).toBe(false);
  lookFor(LOOK_MS);
  expect(stopped).toEqual(["primary: its process is stopped (SIGSTOP), and answers nothing"]);
  expect(watch.isStopped("primary")).toBe(true);
});

it("a process may be stopped for longer where more checks may fail, or each may take longer", () => {
  expect(stopLimit({ ...thresholds, failover_threshold: 13 })).toBe(1_300);
  expect(stopLimit({ ...thresholds, health_check_timeout: 5_000 })).toBe(1_200);
  expect(stopLimit({ ...thresholds, health_check_interval: 2_000 })).toBe(900);
});

it("a busy process is never taken for a stopped one, however long it stays busy", () => {
  const { stopped, lookFor } = scene();
  lookFor(60_000);
  expect(stopped).toEqual([]);
});

it("a process that goes on in time is counted anew", () => {
  const { kernel, stopped, lookFor } = scene();
  for (let i = 0; i < 5; i++) {
    kernel.state = "stopped";
    lookFor(300);
    kernel.state = "running";
    lookFor(LOOK_MS);
  }
  expect(stopped).toEqual([]);
});

it("one that has gone on since the last check does not count as stopped", () => {
  const { kernel, watch, lookFor } = scene();
  kernel.state = "stopped";
  lookFor(500);
  kernel.state = "running";
  expect(watch.isStopped("primary")).toBe(false);
});

it("a watch that stood still itself judges nobody", () => {
  const { clock, kernel, stopped, watch, lookFor } = scene();
  kernel.state = "stopped";
  lookFor(100);
  clock.ms += 1_000;
  expect(watch.isStopped("primary")).toBe(false);
  watch.check();
  expect(stopped).toEqual([]);
  lookFor(250);
  expect(stopped).toEqual([]);
});

it("of a process of another host nothing is known", () => {
  const { kernel, stopped, gone, watch, lookFor } = scene();
  kernel.state = undefined;
  lookFor(5_000);
  watch.lost("primary", 0);
  expect([...stopped, ...gone]).toEqual([]);
});

it("a process whose link is lost is dead as soon as the kernel says so", () => {
  const { kernel, gone, watch } = scene();
  watch.lost("primary", 0);
  expect(gone).toEqual([]);
  kernel.state = "gone";
  watch.lost("primary", 0);
  expect(gone).toEqual(["primary"]);
});
