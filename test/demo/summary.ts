import type { Timeline } from "./timeline.ts";
import { type Evidence, isGood, type Verdict } from "./verdict.ts";

/** Prints what the story came to, each number with where it comes from. */
export function printSummary(
  timeline: Timeline,
  verdict: Verdict,
  { messages, deployments }: Evidence,
): void {
  const by = (who: string) => messages.filter((message) => message.by === who).length;
  const runners = Object.entries(Object.groupBy(deployments, ({ run_by }) => run_by ?? ""))
    .filter(([name]) => name !== "")
    .map(([name, list]) => `${list?.length} by the ${name}`);

  timeline.heading("Summary");
  timeline.count(verdict.sent, "events sent", `${by("GitHub")} by GitHub, ${by("Action")} by the Action`);
  timeline.count(
    verdict.accepted,
    "accepted",
    `answered 2xx; ${verdict.sent - verdict.accepted} reached nobody`,
  );
  timeline.count(
    verdict.deployed,
    "deployed",
    `${runners.join(", ")}; each script noted its start and its end`,
  );
  timeline.count(verdict.superseded, "superseded", "older than what was deployed already");
  timeline.count(verdict.duplicates, "duplicates", "recognized; they made nothing new");
  timeline.count(
    verdict.ignored,
    "ignored",
    "the rules let only completed runs of the repository itself deploy",
  );
  const must = (problems: readonly string[], what: string, remark: string) =>
    timeline.count(problems.length, what, problems.join("; ") || remark, problems.length === 0);
  must(verdict.lost, "lost", "every run that may deploy is on record with its end");
  must(verdict.doubled, "doubled", "no run has two deployments, no script started twice");
  must(
    verdict.outOfOrder,
    "out of order",
    "no older run over a newer one, no two at once; the site shows the newest",
  );
  must(verdict.unwanted, "against rules", "no other run was deployed");
  must(verdict.unshown, "not at GitHub", "GitHub shows each as one Deployment that ended in success");
  timeline.result(
    isGood(verdict) ? "Everything was deployed once and in order." : "Something went wrong.",
    isGood(verdict),
  );
}
