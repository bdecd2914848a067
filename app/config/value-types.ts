/** The kinds of values in `twinhook.yml`, each with what its error says was expected. */
import { z } from "zod";
import { DURATION_SYNTAX, parseDuration } from "../../shared/duration.ts";
import { parseListen } from "./listen-address.ts";
import { canMatchRun, isRefPattern } from "./refs.ts";

/** The longest delay of Node's timers is 2^31 - 1 ms. Longer ones would fire at once. */
const LONGEST_DURATION = "24d";

/** A duration with its unit, read into milliseconds. */
export const durationFrom = (shortest: string, longest: string) =>
  z
    .unknown()
    .meta({ duration: true })
    .transform((value, context) => {
      const wrong = (expected: string, remedy?: string) => {
        context.addIssue({ code: "custom", message: expected, input: value, params: { remedy } });
        return z.NEVER;
      };
      try {
        const ms = parseDuration(value);
        if (ms >= parseDuration(shortest) && ms <= parseDuration(longest)) return ms;
        return wrong(`a duration from ${shortest} to ${longest}`);
      } catch {
        if (typeof value !== "number") return wrong(DURATION_SYNTAX);
        return wrong(
          DURATION_SYNTAX,
          `a bare number has no unit: write "${value}s" for seconds, or "${value}ms"`,
        );
      }
    });
const duration = durationFrom("1ms", LONGEST_DURATION);

/** A duration with the default `value`, in the file's syntax. */
export const durationOf = (value: string) => duration.default(parseDuration(value));
/** The same with a lower limit, below which nothing would work any more. */
export const durationAbove = (shortest: string, value: string) =>
  durationFrom(shortest, LONGEST_DURATION).default(parseDuration(value));
const PERCENT = "a number from 0 to 100";
export const percent = z.number({ error: PERCENT }).min(0, { error: PERCENT }).max(100, { error: PERCENT });
const COUNT = "a whole number from 1 on";
export const count = z.int({ error: COUNT }).min(1, { error: COUNT });
export const text = z.string().min(1);
/** Text that matches `pattern`; `expected` describes it in words. */
export const textLike = (pattern: RegExp, expected: string) =>
  z.string({ error: expected }).regex(pattern, { error: expected, abort: true });
export const name = textLike(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  "1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
);
export const webUrl = z.url({
  protocol: /^https?$/,
  error: 'an http:// or https:// URL, such as "https://deploy.example.com:9000"',
  abort: true,
});
/** A URL to which paths are appended. */
export const baseUrl = webUrl
  .refine(isBare, { error: "a URL without user name, query and fragment" })
  .transform((url) => url.replace(/\/+$/, ""));
export const listenAddress = textLike(
  /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):\d{1,5}$/,
  'HOST:PORT, such as "127.0.0.1:9100"',
).refine((listen) => parseListen(listen).port >= 1 && parseListen(listen).port <= 65_535, {
  error: "a port from 1 to 65535",
});
export const variableName = textLike(
  /^(?!whsec_)[A-Za-z_][A-Za-z0-9_]*$/,
  "the name of an environment variable (letters, digits and underscores; not the secret itself)",
);
export const repository = textLike(/^[A-Za-z0-9_.-]+\/[A-Za-z0-9_.-]+$/, 'OWNER/NAME, such as "acme/site"');
export const workflowPath = textLike(
  /^\.github\/workflows\/[^/]+\.ya?ml$/,
  "the path of a workflow file, such as .github/workflows/ci.yml (not the name of the workflow)",
);
/** Git allows none of these characters in a branch's name, so they can only be meant as a pattern. */
export const branchName = textLike(
  /^(?!refs\/)[^\s*?[\\^~:]+$/,
  "the exact name of a branch (no pattern, no refs/heads/)",
);
const REF_PATTERN =
  "a full ref, such as refs/heads/main, or a pattern: refs/tags/v* (* within a segment, ** across)";
export const refPattern = z
  .string({ error: REF_PATTERN })
  .refine(isRefPattern, { error: REF_PATTERN, abort: true });
/** A run has the ref of a branch or a tag. */
export const runRef = refPattern.refine(canMatchRun, {
  error: "a ref or pattern that can match a branch (refs/heads/…) or a tag (refs/tags/…)",
});

function isBare(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password, search, hash } = new URL(url);
  return [username, password, search, hash].every((part) => part === "");
}
