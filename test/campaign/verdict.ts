import { MAX_INTERRUPTIONS } from "../../app/queue/interrupt.ts";
import type { DeploymentRecord } from "../../app/store/schema.ts";
import { isFinal } from "../../shared/deployment.ts";
import type { Evidence } from "./evidence.ts";
import { Facts, inOrder, keyOf, linesOf, show } from "./facts.ts";
import { TARGETS } from "./targets.ts";

/** A rule that does not hold, and what shows it: rows and lines. */
export interface Violation {
  rule: string;
  evidence: string[];
}

/** One rule: in words, and what speaks against it. */
interface Rule {
  rule: string;
  against: (facts: Facts) => string[];
}

const RULES: Rule[] = [
  {
    rule: "every event was answered 2xx in the end, and refused with 503 at most",
    against: ({ evidence }) =>
      evidence.answers
        .filter(({ accepted, tries }) => !accepted || tries.some((text) => / (4\d\d|50[0-24-9])$/.test(text)))
        .map(({ event, tries }) => `${event.guid} (${event.kind}): ${tries.join(", ")}`),
  },
  {
    rule: "what a 2xx said is on record",
    against: ({ evidence, byId }) => {
      const guids = new Set(evidence.deliveries.map(({ guid }) => guid));
      return evidence.answers
        .filter(({ accepted }) => accepted)
        .filter(
          ({ event, body }) => !guids.has(event.guid) || body?.deployments.some(({ id }) => !byId.has(id)),
        )
        .map(({ event, body }) => `${event.guid} (${event.kind}): ${JSON.stringify(body)}`);
    },
  },
  {
    rule: "a run that the rules allow is on record once for each of its targets, and no other run is",
    against: ({ evidence }) => {
      const wanted = new Set(
        evidence.answers.flatMap(({ event: { targets, run } }) =>
          targets.map((target) => keyOf(target, run.runId, run.attempt)),
        ),
      );
      const found = new Map<string, DeploymentRecord[]>();
      for (const row of evidence.deployments) {
        const key = keyOf(row.target, row.run_id, row.run_attempt);
        found.set(key, [...(found.get(key) ?? []), row]);
      }
      return [
        ...[...wanted].filter((key) => !found.has(key)).map((key) => `lost: ${key}`),
        ...[...found].filter(([key]) => !wanted.has(key)).map(([, rows]) => `not allowed: ${rows.map(show)}`),
        ...[...found].filter(([, rows]) => rows.length > 1).map(([, rows]) => `twice: ${rows.map(show)}`),
      ];
    },
  },
  {
    rule: "a delivery is on record once, with the deployments of its run",
    against: ({ evidence, byId }) => {
      const runs = new Map(evidence.answers.map(({ event }) => [event.guid, event]));
      const seen = new Set<string | null>();
      return evidence.deliveries.flatMap(({ id, guid, deployment_ids }) => {
        const twice = seen.has(guid);
        seen.add(guid);
        const event = runs.get(guid ?? "");
        const got = (JSON.parse(deployment_ids) as string[])
          .map((one) => byId.get(one))
          .map((row) => row && keyOf(row.target, row.run_id, row.run_attempt));
        // GitHub's word of its own Deployments comes by the catch-up, and deploys nothing.
        const wanted = (event?.targets ?? []).map((target) =>
          keyOf(target, event?.run.runId ?? null, event?.run.attempt ?? null),
        );
        return twice || got.toSorted().join() !== wanted.toSorted().join()
          ? [`${id} ${guid}: stands for [${got}], should for [${wanted}]${twice ? ", recorded twice" : ""}`]
          : [];
      });
    },
  },
  {
    rule: "nothing is left waiting or running at the end",
    against: ({ evidence }) =>
      evidence.deployments
        .filter((row) => !isFinal(row.status) || row.holder !== null || row.lock !== null)
        .map(show),
  },
  {
    rule: "a deployment fails only by too many interruptions, or because its command was killed",
    against: (facts) =>
      facts.evidence.deployments
        .filter((row) => row.status === "cancelled" || (row.status === "failed" && !facts.rightlyFailed(row)))
        .map((row) => [show(row), ...linesOf(facts, row.id)].join("\n    ")),
  },
  {
    rule: "a deployment that succeeded has run to its end in its last attempt, and its output is kept",
    against: (facts) =>
      facts.evidence.deployments
        .filter(({ status }) => status === "succeeded")
        .filter(
          (row) =>
            row.exit_code !== 0 ||
            !facts.ended.has(`${row.id} ${row.attempt}`) ||
            !facts.evidence.logged.has(`${row.id} ${row.attempt}`),
        )
        .map((row) => [show(row), ...linesOf(facts, row.id)].join("\n    ")),
  },
  {
    rule: "a deployment is superseded only by one that is newer and really ran",
    against: (facts) =>
      facts.evidence.deployments
        .filter(({ status }) => status === "superseded")
        .filter((row) => {
          const by = facts.byId.get(row.superseded_by ?? "");
          const newer = by?.target === row.target && inOrder(by, row) > 0 && facts.ran(by);
          const ran = facts.evidence.deployments.some(
            (other) =>
              other.target === row.target &&
              inOrder(other, row) > 0 &&
              (other.status === "succeeded" || other.status === "failed"),
          );
          return !newer || !ran;
        })
        .map((row) => `${show(row)}\n    by ${show(facts.byId.get(row.superseded_by ?? ""))}`),
  },
  {
    rule: "with `queue: all`, nothing is superseded before a newer one has run",
    against: (facts) =>
      TARGETS.filter(({ queue }) => queue === "all").flatMap((target) => {
        const rows = facts.of(target);
        return rows
          .filter(({ status }) => status === "superseded")
          .filter(
            (row) =>
              // Its order is below a claim that was made before it came, or before it could be claimed itself.
              !rows.some((other) => facts.ran(other) && inOrder(other, row) > 0 && other.seq < row.seq),
          )
          .map(show);
      }),
  },
  {
    rule: "the newest run of every target is deployed",
    against: (facts) =>
      TARGETS.flatMap((target) => {
        const newest = facts.of(target).toSorted(inOrder).at(-1);
        return newest && newest.status !== "succeeded" && newest.status !== "failed" ? [show(newest)] : [];
      }),
  },
  {
    rule: "two of one target, or of one named lock, never run at once",
    against: ({ evidence }) =>
      evidence.trace.filter(({ what }) => what === "overlap").map(({ text }) => text),
  },
  {
    rule: "at every moment marks only rise, one runs at a time, things go on, and no instance dies by itself",
    against: ({ evidence }) => evidence.observed,
  },
  {
    rule: "the command of an attempt is started once at most, and no attempt is made up",
    against: (facts) => [
      ...[...facts.started]
        .filter(([, count]) => count > 1)
        .map(([key, count]) => `${key} started ${count} times`),
      ...facts.evidence.trace
        .filter(({ deployment, attempt }) => attempt > (facts.byId.get(deployment)?.attempt ?? 0))
        .map(({ text }) => text),
    ],
  },
  {
    rule: "the starts of a target follow the order of its runs",
    against: (facts) =>
      TARGETS.flatMap(({ name }) => {
        const starts = facts.evidence.trace.filter(({ what, target }) => what === "start" && target === name);
        return starts.slice(1).flatMap((line, index) => {
          const before = facts.byId.get((starts[index] as typeof line).deployment);
          const now = facts.byId.get(line.deployment);
          if (before && now && (before.id === now.id || inOrder(before, now) < 0)) return [];
          return [`${line.text}\n    after ${show(before)}\n    came ${show(now)}`];
        });
      }),
  },
  {
    rule: "a deployment stands at its own run, or at the mark when it goes back to a run that had succeeded",
    against: (facts) =>
      facts.evidence.deployments
        .filter((row) => row.order_run_id !== row.run_id || row.order_run_attempt !== row.run_attempt)
        .filter(
          (row) =>
            !facts.evidence.deployments.some(
              (earlier) =>
                earlier.target === row.target &&
                earlier.run_id === row.run_id &&
                (earlier.run_attempt ?? 0) < (row.run_attempt ?? 0) &&
                earlier.status === "succeeded" &&
                earlier.seq < row.seq,
            ) || row.order_run_id <= (row.run_id ?? 0),
        )
        .map(show),
  },
  {
    rule: "the mark is the newest run that was ever claimed",
    against: (facts) =>
      TARGETS.flatMap((target) => {
        const mark = facts.evidence.marks.find((row) => row.target === target.name);
        const highest = facts
          .of(target)
          .filter((row) => facts.ran(row))
          .toSorted(inOrder)
          .at(-1);
        if (!highest || !mark) return [];
        return mark.mark_run_id === highest.order_run_id &&
          mark.mark_run_attempt === highest.order_run_attempt
          ? []
          : [`${JSON.stringify(mark)} but ${show(highest)}`];
      }),
  },
  {
    rule: "every interruption has its cause, and makes one further attempt",
    against: (facts) => {
      const interrupted = facts.evidence.deployments.filter(({ interruptions }) => interruptions > 0);
      const interruptions = interrupted.reduce((sum, row) => sum + row.interruptions, 0);
      const kills = facts.evidence.kills.reduce((sum, { runners }) => sum + runners, 0);
      return [
        ...(interruptions > kills
          ? [`${interruptions} interruptions, but ${kills} runners were killed`, ...interrupted.map(show)]
          : []),
        ...facts.evidence.deployments
          .filter((row) => row.attempt !== 1 + Math.min(row.interruptions, MAX_INTERRUPTIONS))
          .map(show),
      ];
    },
  },
  {
    rule: "GitHub shows a deployment once, and in the end as it is",
    against: ({ evidence, byId }) =>
      [...evidence.shown].flatMap(([id, shown]) => {
        const row = byId.get(id);
        const last = shown[0]?.at(-1);
        const wanted = row && FINAL_STATES[row.status];
        const right = shown.length === 1 && row && (evidence.untold.has(id) || last === wanted);
        return right ? [] : [`${JSON.stringify(shown)} for ${show(row)}`];
      }),
  },
  {
    rule: "GitHub shows every deployment that it was told of",
    against: ({ evidence }) =>
      evidence.deployments
        .filter(
          ({ id, status }) => status !== "superseded" && !evidence.untold.has(id) && !evidence.shown.has(id),
        )
        .map(show),
  },
  {
    rule: "no process and no file is left behind",
    against: ({ evidence }) => [
      ...evidence.processesLeft.map(({ pid, command }) => `process ${pid}: ${command}`),
      ...evidence.filesLeft.map((name) => `file data/runs/${name}`),
    ],
  },
  {
    rule: "the database is whole",
    against: ({ evidence }) => (evidence.integrity === "ok" ? [] : [evidence.integrity]),
  },
];

/** The state that GitHub shows in the end. */
export const FINAL_STATES: Record<string, string> = {
  succeeded: "success",
  failed: "failure",
  cancelled: "error",
  superseded: "inactive",
};

/** Holds the evidence against every rule; an empty list means that all promises were kept. */
export function judge(evidence: Evidence): Violation[] {
  const facts = new Facts(evidence);
  return RULES.map(({ rule, against }) => ({ rule, evidence: against(facts) })).filter(
    ({ evidence: found }) => found.length > 0,
  );
}
