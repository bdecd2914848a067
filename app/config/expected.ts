import type { z } from "zod";

const TYPES: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a map of keys and values",
  record: "a map of names and values",
};

/** A schema's expectation, in words that continue "expected …". A schema's own message takes precedence. */
export const expectedInWords: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? `a value of type ${issue.expected}`;
    case "invalid_value":
      return issue.values.map(String).join(" or ");
    case "invalid_key":
      return issue.issues[0]?.message;
    case "too_small":
    case "too_big":
      return limit(issue);
  }
};

function limit(issue: z.core.$ZodRawIssue<z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig>): string {
  const bound = issue.code === "too_small" ? `at least ${issue.minimum}` : `at most ${issue.maximum}`;
  if (issue.origin === "string")
    return bound === "at least 1" ? "text that is not empty" : `${bound} characters`;
  if (issue.origin === "array")
    return bound === "at least 1" ? "a list that is not empty" : `${bound} entries`;
  return bound;
}
