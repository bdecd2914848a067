/**
 * The files that take longest, the longest first. Vitest knows times only where the tests ran before. In a fresh
 * clone it begins with the largest files, and leaves one of these alone at the end.
 */
export const LONGEST = [
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
