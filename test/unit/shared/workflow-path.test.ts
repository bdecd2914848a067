import { expect, test } from "vitest";
import { withoutRef } from "../../../shared/workflow-path.ts";

// https://github.com/npm/cli/pull/6978, https://github.com/dependabot/dependabot-core/pull/8026
test.each([
  [".github/workflows/ci.yml", ".github/workflows/ci.yml"],
  [".github/workflows/ci.yml@main", ".github/workflows/ci.yml"],
  [".github/workflows/ci.yml@refs/tags/plugin-vue@1.0.0", ".github/workflows/ci.yml"],
  [".github/workflows/deploy@prod.yaml", ".github/workflows/deploy@prod.yaml"],
  [".github/workflows/deploy@prod.yml@refs/heads/next.yml", ".github/workflows/deploy@prod.yml"],
])("the file of %s is %s", (path, file) => {
  expect(withoutRef(path)).toBe(file);
});
