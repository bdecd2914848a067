import { describe, expect, it } from "vitest";
import { RepositoryNames } from "../../../app/accept/repository-names.ts";
import { judgeWorkflowRun, parseWorkflowRun } from "../../../app/accept/workflow-run.ts";
import { testTarget } from "../../helpers/arrivals.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

const TARGET = testTarget({ repository: "Acme/Site" });

/** Names of which the id is known, and what an event of this repository comes to. */
function judge(repository: string, repositoryId: number, { known = true } = {}) {
  const names = new RepositoryNames([TARGET]);
  if (known) names.set([{ name: "acme/site", id: 1, full_name: "Acme/Site", taken_by: null }]);
  const event = parseWorkflowRun(workflowRunPayload({ repository, repositoryId }));
  return { names, judged: judgeWorkflowRun(event, [TARGET], names) };
}

describe("the event of a repository", () => {
  it("counts under a new name, and is known under the configured one", () => {
    const { judged, names } = judge("acme/shop", 1);
    expect(judged).toMatchObject({
      targets: [TARGET],
      repository: "acme/site",
      facts: { repository: "acme/shop" },
    });
    expect(names.keyOf("Acme/Shop")).toBe("acme/site");
  });

  it("is ignored where another one has taken the configured name", () => {
    expect(judge("acme/site", 2).judged).toMatchObject({
      targets: [],
      ignored:
        "acme/site is another repository by now (id 2), not the one in twinhook.yml (id 1, now Acme/Site)",
    });
  });

  it("counts by its name alone as long as no id is known", () => {
    expect(judge("acme/site", 2, { known: false }).judged.targets).toEqual([TARGET]);
    expect(judge("acme/shop", 1, { known: false }).judged.ignored).toBe(
      "no target is configured for acme/shop",
    );
  });
});
