import { describe, expect, it } from "vitest";
import type { Deployment } from "../../shared/deployment.ts";
import { type Evidence, isGood, judge, type Message } from "../demo/verdict.ts";
import type { TraceLine } from "../helpers/test-host.ts";

const message = (runId: number, changes: Partial<Message> = {}): Message => ({
  by: "GitHub",
  runId,
  runAttempt: 1,
  sha: `sha ${runId}`,
  guid: `guid ${runId}`,
  shouldDeploy: true,
  accepted: true,
  outcome: "deployed",
  ...changes,
});

const deployment = (runId: number, changes: Partial<Deployment> = {}) =>
  ({ id: `dep_${runId}`, run_id: runId, run_attempt: 1, status: "succeeded", ...changes }) as Deployment;

const command = (runId: number): TraceLine[] =>
  (["start", "end"] as const).map((what) => ({
    what,
    deployment: `dep_${runId}`,
    attempt: 1,
    runId,
    sha: `sha ${runId}`,
    at: runId,
  }));

/** Two runs, both deployed; `changes` spoil something. */
const evidence = (changes: Partial<Evidence> = {}): Evidence => ({
  messages: [message(1), message(2)],
  deployments: [deployment(1), deployment(2)],
  guids: ["guid 1", "guid 2"],
  commands: [...command(1), ...command(2)],
  liveSha: "sha 2",
  shown: [
    { runId: 1, state: "success" },
    { runId: 2, state: "success" },
  ],
  ...changes,
});

describe("the demo's verdict", () => {
  it("is good when every run was deployed once and in order", () => {
    const verdict = judge(evidence());
    expect(isGood(verdict)).toBe(true);
    expect(verdict).toMatchObject({ sent: 2, accepted: 2, deployed: 2, superseded: 0, lost: [] });
  });

  it("takes an older run that was superseded, by one that was deployed, for right", () => {
    const verdict = judge(
      evidence({
        deployments: [deployment(1, { status: "superseded" }), deployment(2)],
        commands: command(2),
      }),
    );
    expect(isGood(verdict)).toBe(true);
    expect(verdict).toMatchObject({ deployed: 1, superseded: 1 });
  });

  it.each<[string, keyof ReturnType<typeof judge>, Partial<Evidence>]>([
    ["nothing is on record", "lost", { deployments: [], guids: [], commands: [], liveSha: null, shown: [] }],
    ["a run that reached nobody has no deployment", "lost", { deployments: [deployment(2)] }],
    ["a deployment failed", "lost", { deployments: [deployment(1, { status: "failed" }), deployment(2)] }],
    [
      "a success is on record whose command never ended",
      "lost",
      { commands: [...command(1).slice(0, 1), ...command(2)] },
    ],
    [
      "the newest is superseded by nothing",
      "lost",
      { deployments: [deployment(1), deployment(2, { status: "superseded" })], commands: command(1) },
    ],
    ["an accepted event is not on record", "lost", { guids: ["guid 1"] }],
    [
      "a run has two deployments",
      "doubled",
      { deployments: [deployment(1), deployment(2), deployment(2, { id: "dep_3" })] },
    ],
    ["a command ran twice", "doubled", { commands: [...command(1), ...command(2), ...command(2)] }],
    [
      "an older run was deployed over a newer one",
      "outOfOrder",
      { commands: [...command(2), ...command(1)] },
    ],
    [
      "two commands ran at once",
      "outOfOrder",
      {
        commands: [command(1)[0], command(2)[0], command(1)[1], command(2)[1]].flatMap((line) => line ?? []),
      },
    ],
    ["the site shows another version than the newest", "outOfOrder", { liveSha: "sha 1" }],
    [
      "a run was deployed that the rules forbid",
      "unwanted",
      { messages: [message(1, { shouldDeploy: false }), message(2)] },
    ],
    [
      "GitHub still shows a deployment as running",
      "unshown",
      {
        shown: [
          { runId: 1, state: "success" },
          { runId: 2, state: "in_progress" },
        ],
      },
    ],
  ])("is bad when %s", (_, where, changes) => {
    const verdict = judge(evidence(changes));
    expect(isGood(verdict)).toBe(false);
    expect(verdict[where]).not.toEqual([]);
  });
});
