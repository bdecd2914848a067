import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

type Json = Record<string, unknown>;

/**
 * The text of one of GitHub's own example payloads, chosen by event name and a test on the payload. The file
 * is read once for all examples and then dropped, since it holds 4 MB.
 * @throws {Error} when a newer version of the examples no longer has it.
 */
export function exampleEventText(event: string, wanted: (payload: Json) => boolean): string {
  const file = createRequire(import.meta.url).resolve("@octokit/webhooks-examples");
  const all = JSON.parse(readFileSync(file, "utf8")) as { name: string; examples: Json[] }[];
  const found = all.find(({ name }) => name === event)?.examples.filter(wanted);
  const last = found?.at(-1);
  if (!last) throw new Error(`@octokit/webhooks-examples has no ${event} payload of the kind looked for`);
  return JSON.stringify(last);
}
