import type { Bias } from "../end-to-end/bias.ts";

/** A known bug, as textual replacements in a copy of the App. */
export interface PlantedBug {
  name: string;
  /** What is wrong, for the table. */
  says: string;
  /** The rules that it breaks. Any other rule may break too, and does not count. */
  brokenBy: readonly string[];
  /** What the histories need so that it shows. */
  bias: Bias;
  changes: { file: string; from: string; to: string }[];
}

const change = (file: string, from: string, to: string) => ({ file: `app/${file}`, from, to });

/** A short control: nothing comes late, is sent again, or has to be searched for. */
const PLAIN: Bias = { sendings: { prompt: 1 }, asked: 0, rerun: 0, scenes: [] };

/** Many events fail at once, and GitHub lists their runs too late for the new controller to find them there. */
const NOT_DELIVERED: Bias = {
  ...PLAIN,
  // Targets with `queue: all` miss a run by its number.
  sources: { "acme/docs main": 1, "acme/shop staging": 1 },
  pauseMs: [50, 150],
  scenes: [
    [
      { what: "lag", logMs: 0, runsMs: 25_000, forMs: 25_000 },
      { what: "kill", whom: "active", afterMs: 500 },
    ],
  ],
};

const WORKER_KILLED: Bias = {
  ...PLAIN,
  takesMs: [2_000, 4_000],
  scenes: [[{ what: "kill", whom: "runner" }], [{ what: "kill", whom: "runner", afterMs: 500 }]],
};

/** Each of them breaks a promise, and must break a rule of the campaign. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "answer-before-commit",
    says: "an event is answered before its commit",
    brokenBy: ["P1: what was answered with 2xx was on record before the answer"],
    bias: {
      ...PLAIN,
      pauseMs: [50, 200],
      // The lock makes commits wait, and the end of the instance ends them.
      scenes: [
        [
          { what: "lock_store", forMs: 3_000 },
          { what: "kill", whom: "active", afterMs: 1_000 },
        ],
      ],
    },
    changes: [
      change(
        "accept/acceptor.ts",
        `    try {
      const accepted = await commit(`,
        `    try {
      for (const waiting of batch)
        if (waiting.arrival.guid !== null)
          waiting.resolve({ deliveryId: "dlv_0", outcome: "deployed", reason: null, deployments: [], queued: true, conflict: null });
      await new Promise((resolve) => setTimeout(resolve, 10));
      const accepted = await commit(`,
      ),
    ],
  },
  {
    name: "lost-wake-up",
    says: "a change of the store wakes no dispatcher, and nothing sweeps",
    brokenBy: ["nothing is left waiting or running at the end"],
    bias: {
      ...PLAIN,
      // The command outlives the instance that began it, and no later run comes.
      sources: { "acme/shop main": 1 },
      takesMs: [20_000, 20_000],
      pauseMs: [3_000, 4_000],
      scenes: [[{ what: "kill", whom: "active" }]],
    },
    changes: [
      change(
        "run/dispatcher.ts",
        "this.#store.onChange(() => this.wake())",
        "this.#store.onChange(() => {})",
      ),
      change(
        "run/dispatcher.ts",
        "if (quiet % QUIET_SWEEPS !== 0) return;\n      this.wake();",
        "if (quiet % QUIET_SWEEPS !== 0) return;",
      ),
    ],
  },
  {
    name: "hold-ends-early",
    says: "a hold ends after half a second",
    brokenBy: ["on a held target nothing begins"],
    bias: {
      ...PLAIN,
      sources: { "acme/shop main": 1, "acme/docs main": 1 },
      scenes: [
        [
          { what: "hold", target: "shop", forMs: 5_000 },
          { what: "hold", target: "docs", forMs: 5_000 },
        ],
      ],
    },
    changes: [
      change(
        "queue/hold.ts",
        "if (held_since == null || (",
        "if (held_since == null || now - held_since > 500 || (",
      ),
    ],
  },
  {
    name: "stale-controller",
    says: "a controller whose lease another one took still writes the URL at GitHub",
    brokenBy: [
      "P8: nobody is told that the webhook was changed, since nobody else changes it",
      "P6: in the end GitHub delivers to an instance that answers, and the App knows it",
    ],
    bias: {
      ...PLAIN,
      // The supervisor would end an instance that is frozen for so long.
      supervised: false,
      // The new controller is frozen while it sets the URL, and wakes when the other has set it.
      scenes: [
        [
          { what: "github_slow", ms: 2_000, forMs: 4_000 },
          { what: "kill", whom: "active", afterMs: 300 },
          { what: "freeze", whom: "other", forMs: 12_000, afterMs: 2_200 },
        ],
      ],
    },
    changes: [
      change(
        "failover/active-endpoint.ts",
        "mayWrite: () => lease.held && !this.#closed",
        "mayWrite: () => !this.#closed",
      ),
    ],
  },
  {
    name: "url-never-compared",
    says: "a write of the URL counts although it failed, and nobody compares it afterwards",
    brokenBy: ["P6: in the end GitHub delivers to an instance that answers, and the App knows it"],
    bias: {
      ...PLAIN,
      // GitHub takes the failover's URL, and not that of the way back.
      scenes: [
        [
          { what: "kill", whom: "active" },
          {
            what: "github_fails",
            status: 503,
            route: "PATCH /app/hook/config",
            forMs: 20_000,
            afterMs: 2_500,
          },
        ],
      ],
    },
    changes: [
      change(
        "failover/webhook-sync.ts",
        "          await github.write(url, signal, checkRight);",
        "          await github.write(url, signal, checkRight).catch(() => {});",
      ),
      change(
        "failover/webhook-sync.ts",
        "        if (found !== url) throw new Error(`GitHub took the URL",
        "        if (!found) throw new Error(`GitHub took the URL",
      ),
      change(
        "failover/active-endpoint.ts",
        "export const REPAIR_MS = 30_000;",
        "export const REPAIR_MS = 30_000_000;",
      ),
    ],
  },
  {
    name: "mark-at-accept",
    says: "the mark is set when a run is accepted, not when it begins",
    brokenBy: ["P3: with `queue: all`, nothing is superseded that GitHub sent, logged or lists in time"],
    bias: {
      ...PLAIN,
      sources: { "acme/shop main": 1 },
      pauseMs: [50, 500],
      takesMs: [300, 600],
    },
    changes: [
      change(
        "accept/commit-batch.ts",
        "    if (this.#deliveries.size > 0)\n",
        `    for (const row of deployments)
      if (row.status === "queued")
        await this.#trx
          .updateTable("targets")
          .set({ mark_run_id: row.order_run_id, mark_run_attempt: row.order_run_attempt })
          .where("repository", "=", row.repository_key)
          .where("target", "=", row.target)
          .where("mark_run_id", "<", row.order_run_id)
          .execute();
    if (this.#deliveries.size > 0)
`,
      ),
    ],
  },
  {
    name: "one-page",
    says: "the catch-up trusts one page of GitHub's log, a short one",
    brokenBy: ["P7: every run that the rules allow is on record for each of its targets"],
    bias: NOT_DELIVERED,
    changes: [
      change("github/delivery-log.ts", "per_page: PER_PAGE", "per_page: 5"),
      change(
        "catch-up/undelivered-events.ts",
        "progress.listed = next === null || next === progress.cursor || oldest < progress.since;",
        "progress.listed = oldest > 0;",
      ),
    ],
  },
  {
    name: "attempt-as-wish",
    says: "the re-run of a run that an Action asked for deploys again",
    brokenBy: ["P2: a run has one deployment for each of its targets, and no other run has one"],
    bias: {
      // The job asks before the event comes, and the run is run again.
      sources: { "acme/shop main": 1 },
      sendings: { late: 1 },
      pauseMs: [800, 1_500],
      asked: 1,
      rerun: 1,
      scenes: [],
    },
    changes: [
      change(
        "accept/run-source.ts",
        "if (first === undefined || !isAction(first) || !isEvent(source)) return null;",
        "if (first === undefined || first) return null;",
      ),
    ],
  },
  {
    name: "server-errors-skipped",
    says: "the catch-up passes over deliveries that ended with 502, 503 or 504",
    brokenBy: ["P7: every run that the rules allow is on record for each of its targets"],
    bias: NOT_DELIVERED,
    changes: [
      change(
        "catch-up/undelivered-events.ts",
        "for (const row of rows) if (isWanted(row, progress))",
        "for (const row of rows) if (row.statusCode < 500 && isWanted(row, progress))",
      ),
    ],
  },
  {
    name: "shared-lock-forgotten",
    says: "targets that share a lock do not wait for each other",
    brokenBy: ["P4: two of one target, or of one named lock, never run at once"],
    bias: {
      ...PLAIN,
      sources: { "acme/api main": 1, "acme/docs main": 1 },
      takesMs: [500, 1_000],
    },
    changes: [
      change(
        "run/lock-names.ts",
        "return target.lock === null ? [own] :",
        "if (own) return [own];\n  return target.lock === null ? [own] :",
      ),
      change(
        "queue/pending.ts",
        "return target.lock !== null && lock === target.lock;",
        "return target.lock === null && lock === target.name;",
      ),
      change("queue/claim/claim.ts", '        ...(lock === null ? [] : [e("lock", "=", lock)]),\n', ""),
    ],
  },
  {
    name: "leftovers-run-on",
    says: "the command of a dead worker is not ended before it is run again",
    brokenBy: ["P4: two of one target, or of one named lock, never run at once"],
    bias: WORKER_KILLED,
    changes: [
      change(
        "run/interrupted.ts",
        "  if (command) await endGroup(command, clock, onRefused);\n",
        "  if (!command) await clock.sleep(0);\n  onRefused();\n",
      ),
    ],
  },
  {
    name: "no-barrier",
    says: "under `queue: all` a run does not wait for a missing earlier one",
    brokenBy: ["P3: with `queue: all`, nothing is superseded that GitHub sent, logged or lists in time"],
    bias: {
      ...PLAIN,
      sources: { "acme/shop main": 1 },
      sendings: { prompt: 1, late: 1 },
    },
    changes: [
      change(
        "queue/claim/claim.ts",
        'const gap = request.queue === "all" ? await findGap(trx, request.workflow, mark, next) : null;',
        'const gap = request.queue === "latest" ? await findGap(trx, request.workflow, mark, next) : null;',
      ),
    ],
  },
  {
    name: "attempt-repeated",
    says: "an interrupted deployment runs again under the number of the same attempt",
    brokenBy: [
      "P2, P5: an attempt's command starts once at most, and again only after its worker was killed",
    ],
    bias: WORKER_KILLED,
    changes: [
      change(
        "queue/interrupt.ts",
        "attempt: again ? found.attempt + 1 : found.attempt,",
        "attempt: found.attempt,",
      ),
    ],
  },
  {
    name: "status-dropped",
    says: "a status that GitHub does not take at once is never posted",
    brokenBy: ["P8: GitHub shows every deployment once, and in the end as it is"],
    bias: {
      ...PLAIN,
      scenes: [[{ what: "github_fails", status: 503, route: "/repos/*", forMs: 6_000 }]],
    },
    changes: [
      change(
        "github/outbox.ts",
        '    if (failure.kind === "rate_limited") return { delayMs: 0 };',
        '    return "drop";',
      ),
    ],
  },
  {
    name: "created-again",
    says: "a GitHub Deployment whose answer was lost is made again, without a look for it",
    brokenBy: ["P8: GitHub shows every deployment once, and in the end as it is"],
    bias: {
      ...PLAIN,
      scenes: [[{ what: "lose_answers", route: "/repos/*", forMs: 3_000 }]],
    },
    changes: [
      change(
        "github/outbox.ts",
        "const found = again ? await github.find(shown) : null;",
        "const found = again ? null : null;",
      ),
    ],
  },
  {
    name: "gate-open",
    says: "an event deploys where an approval is required",
    brokenBy: ["P2: a run has one deployment for each of its targets, and no other run has one"],
    bias: {
      ...PLAIN,
      sources: { "acme/pay main": 1 },
    },
    changes: [
      change(
        "accept/approval.ts",
        'return source === "manual" ? null :',
        'return source !== "action" ? null :',
      ),
    ],
  },
  {
    name: "failure-told-once",
    says: "a failure has no alert while the one before it lasts",
    brokenBy: ["P8: every failed deployment has an alert, once"],
    bias: {
      ...PLAIN,
      sources: { "acme/shop main": 1 },
      fails: 0.8,
    },
    changes: [
      change(
        "queue/raise-alert.ts",
        "if (opened || again) await",
        'if (opened || (again && alert.kind !== "deployment_failed")) await',
      ),
    ],
  },
];
