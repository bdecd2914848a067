import { z } from "zod";
import { wrongGitHubHost } from "../config/github-host.ts";
import { HttpProblem } from "../http/problem.ts";

/** GitHub's limit on the length of an App's name. */
export const MAX_NAME = 34;

const url = z
  .string()
  .trim()
  .transform((text) => text.replace(/\/+$/, ""))
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
    "expected an http:// or https:// URL",
  )
  .refine((text) => !/[?#@]/.test(text), "expected a URL without user name, query and fragment");
const optional = (pattern: RegExp, expected: string) =>
  z
    .string()
    .trim()
    .default("")
    .refine((text) => text === "" || pattern.test(text), expected)
    .transform((text) => (text === "" ? null : text));

const form = z.object({
  name: z.string().trim().min(1, "expected a name").max(MAX_NAME, `expected at most ${MAX_NAME} characters`),
  organization: optional(/^[A-Za-z0-9][A-Za-z0-9-]*$/, "expected the login of an organization"),
  github_host: optional(
    /^[A-Za-z0-9.-]+(:\d+)?$/,
    "expected a host name, such as github.example.com",
  ).superRefine((host, context) => {
    const wrong = host === null ? null : wrongGitHubHost(host);
    if (wrong) context.addIssue({ code: "custom", message: `expected ${wrong.expected}; ${wrong.remedy}` });
  }),
  url_primary: url.optional(),
  url_backup: url.optional(),
  overwrite: z.string().optional(),
});

export type FirstRunForm = z.output<typeof form>;

/**
 * Reads the person's choices from the form.
 * @throws {HttpProblem} 422 that names the wrong fields.
 */
export function readForm(fields: Record<string, unknown>): FirstRunForm {
  const parsed = form.safeParse(fields);
  if (parsed.success) return parsed.data;
  const said = parsed.error.issues.map(
    ({ path, message }) => `${LABELS[String(path[0])] ?? String(path[0])}: ${message}`,
  );
  throw new HttpProblem(422, said.join("; "));
}

const LABELS: Record<string, string> = {
  name: "Name",
  organization: "Organization",
  github_host: "GitHub Enterprise Server",
  url_primary: "URL of the primary",
  url_backup: "URL of the backup",
};
