import { TEST_SECRET } from "./scripted-endpoint.ts";

/** The inputs of a step that delivers to these endpoints, and is short where it fails. */
export function stepInputs(
  urls: readonly string[],
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    endpoints: urls.join("\n"),
    environment: "production",
    secret: TEST_SECRET,
    "request-timeout": "1s",
    "base-delay": "10ms",
    "max-delay": "50ms",
    ...more,
  };
}
