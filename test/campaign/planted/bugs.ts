/** A known bug, as textual replacements in a copy of the App. */
export interface PlantedBug {
  name: string;
  /** What is wrong, for the table. */
  says: string;
  changes: { file: string; from: string; to: string }[];
}

const change = (file: string, from: string, to: string) => ({ file: `app/${file}`, from, to });

/** Each of them breaks a promise, and must break a rule of the campaign. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: "answer-before-commit",
    says: "an event is answered before its commit",
    changes: [
      change(
        "accept/acceptor.ts",
        `    try {
      const accepted = await commit(`,
        `    try {
      for (const waiting of batch)
        if (waiting.arrival.guid !== null)
          waiting.resolve({ deliveryId: "dlv_0", outcome: "deployed", reason: null, deployments: [], queued: true, conflict: null });
      const accepted = await commit(`,
      ),
    ],
  },
  {
    name: "lost-wake-up",
    says: "a change of the store wakes no dispatcher, and nothing sweeps",
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
    says: "a controller whose lease ran out writes on: its decisions without their token, and the URL at GitHub",
    changes: [
      change(
        "failover/controller-lease.ts",
        "return this.#clock.monotonic() < this.#heldUntil && !this.#fences?.isRaised(this.#candidate);",
        "return this.#heldUntil > 0;",
      ),
      change(
        "failover/controller-lease.ts",
        '        .where("holder", "=", this.#candidate.holder)\n        .where("token", "=", token)\n',
        "",
      ),
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
    changes: [
      change(
        "accept/run-source.ts",
        "if (first === undefined || !isAction(first) || !isEvent(source)) return null;",
        "if (first !== undefined || !isEvent(source)) return null;",
      ),
    ],
  },
  {
    name: "server-errors-skipped",
    says: "the catch-up passes over deliveries that ended with 502, 503 or 504",
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
    changes: [
      change(
        "run/lock-names.ts",
        "return target.lock === null ? [own] :",
        "if (own) return [own];\n  return target.lock === null ? [own] :",
      ),
      change(
        "run/dispatcher.ts",
        "return target.lock !== null && lock === target.lock;",
        "return target.lock === null && lock === target.name;",
      ),
      change("queue/claim/claim.ts", '        ...(lock === null ? [] : [e("lock", "=", lock)]),\n', ""),
    ],
  },
  {
    name: "leftovers-run-on",
    says: "the command of a dead worker is not ended before it is run again",
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
    changes: [
      change(
        "github/outbox.ts",
        '    if (failure.kind === "rate_limited") return { delayMs: 0 };',
        '    return "drop";',
      ),
    ],
  },
  {
    name: "gate-open",
    says: "an event deploys where an approval is required",
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
    changes: [
      change(
        "queue/raise-alert.ts",
        "if (opened || again) await",
        'if (opened || (again && alert.kind !== "deployment_failed")) await',
      ),
    ],
  },
];
