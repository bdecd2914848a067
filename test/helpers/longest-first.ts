import { existsSync } from "node:fs";
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * The files that take longest, the longest first. Vitest knows times only where the tests ran before. In a fresh
 * clone it begins with the largest files, and leaves one of these alone at the end.
 */
const LONGEST = [
  "test/e2e/alerts.test.ts",
  "test/e2e/fault-campaign.test.ts",
  "test/e2e/supervisor.test.ts",
  "test/e2e/secret-rotation.test.ts",
  "test/e2e/browser/on-call.test.ts",
  "test/e2e/hang-campaign.test.ts",
  "test/e2e/queue-all-hangs.test.ts",
  "test/e2e/failover.test.ts",
  "test/e2e/settings.test.ts",
  "test/e2e/several-hosts.test.ts",
  "test/integration/catch-up/call-budget.test.ts",
  "test/integration/alerts/sending.test.ts",
  "test/integration/github/content-limits.test.ts",
  "test/integration/catch-up/parked-requests.test.ts",
];

/** Within a project, begins with the files that take longest. */
export default class LongestFirst extends BaseSequencer {
  /** @throws {Error} when a file that is named above was moved */
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const missing = LONGEST.filter((file) => !existsSync(file));
    if (missing.length > 0)
      throw new Error(
        `test/helpers/longest-first.ts names files that are gone: ${missing.join(", ")}; mend its list`,
      );
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.indexOf(relative(process.cwd(), moduleId));
      return place < 0 ? LONGEST.length : place;
    };
    // Each project is a group of its own, which must stay together.
    const groupOf = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    return (await super.sort(files)).toSorted((a, b) => groupOf(a) - groupOf(b) || placeOf(a) - placeOf(b));
  }
}
