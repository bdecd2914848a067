import { expect, test } from "vitest";
import type { Caller } from "../../../app/auth/authenticate.ts";
import { HttpProblem } from "../../../app/http/problem.ts";
import { RequestLimit } from "../../../app/http/request-limit.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { ManualClock } from "../../helpers/manual-clock.ts";

const job = (repository_id: number, run_id = 1): Caller => ({
  kind: "oidc",
  claims: {
    repository: "acme/site",
    repository_id,
    run_id,
    run_attempt: 1,
    workflow_ref: "",
    ref: "",
    sha: "",
    event_name: "push",
    actor: "octocat",
  },
});
const secretOf = (...names: string[]): Caller => ({
  kind: "signed",
  targets: names.map((name) => testTarget({ name })),
});

function setUp() {
  const clock = new ManualClock();
  const limit = new RequestLimit(clock);
  /** How many of so many requests are let through. */
  const requests = (count: number, caller: Caller) => {
    let through = 0;
    for (let i = 0; i < count; i++)
      try {
        limit.count(caller);
        through += 1;
      } catch (error) {
        if (!(error instanceof HttpProblem)) throw error;
        expect(error.status).toBe(429);
        expect(Number(error.headers["retry-after"])).toBeGreaterThan(0);
      }
    return through;
  };
  return { clock, through: requests };
}

test("40 jobs with six rounds at once are let through, and what follows is not", () => {
  const { through } = setUp();
  expect(through(240, job(1))).toBe(240);
  expect(through(10, job(1))).toBe(0);
});

test("whoever waits as long as they were told is let through", () => {
  const { clock, through } = setUp();
  through(241, secretOf("production"));
  clock.ms += 1_000;
  expect(through(5, secretOf("production"))).toBe(1);
  clock.ms += 600_000;
  expect(through(1_000, secretOf("production"))).toBe(240);
});

test("runs of one repository share it; repositories, secrets and people do not", () => {
  const { through } = setUp();
  through(240, job(1));
  expect(through(1, job(1, 77))).toBe(0);
  for (const other of [job(2), secretOf("production"), secretOf("staging"), { kind: "admin" } as const])
    expect(through(1, other)).toBe(1);
});
