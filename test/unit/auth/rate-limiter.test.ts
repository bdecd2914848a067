import { expect, test } from "vitest";
import { RateLimiter } from "../../../app/auth/rate-limiter.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const take = (allowance: RateLimiter, key: string, count: number) =>
  Array.from({ length: count }, () => allowance.take(key));

test("so many are allowed at once, then one after each pause", () => {
  const clock = new ManualClock();
  const allowance = new RateLimiter(clock, { burst: 3, everyMs: 1_000 });
  expect(take(allowance, "a", 5)).toEqual([null, null, null, 1_000, 1_000]);
  clock.ms += 400;
  expect(allowance.take("a")).toBe(600);
  clock.ms += 600;
  expect(take(allowance, "a", 2)).toEqual([null, 1_000]);
  clock.ms += 60_000;
  expect(take(allowance, "a", 4)).toEqual([null, null, null, 1_000]);
});

test("one key uses up nothing of another's", () => {
  const allowance = new RateLimiter(new ManualClock(), { burst: 1, everyMs: 1_000 });
  expect([...take(allowance, "a", 2), ...take(allowance, "b", 1)]).toEqual([null, 1_000, null]);
});

test("what is given back can be taken again", () => {
  const allowance = new RateLimiter(new ManualClock(), { burst: 2, everyMs: 1_000 });
  for (let count = 0; count < 10; count++) {
    expect(allowance.take("a")).toBeNull();
    allowance.giveBack("a");
  }
  expect(take(allowance, "a", 3)).toEqual([null, null, 1_000]);
});
