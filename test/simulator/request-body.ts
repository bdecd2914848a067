import type { IncomingMessage } from "node:http";
import { GitHubError } from "./github-error.ts";

/** Reads a whole request: its text, and its JSON object or form fields. */
export async function readBody(
  request: IncomingMessage,
): Promise<{ text: string; fields(): Record<string, unknown> }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return { text, fields: () => parse(text, request.headers["content-type"] ?? "") };
}

function parse(text: string, contentType: string): Record<string, unknown> {
  if (text === "") return {};
  if (contentType.startsWith("application/x-www-form-urlencoded"))
    return Object.fromEntries(new URLSearchParams(text));
  try {
    const value = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // The error below covers this case.
  }
  throw new GitHubError(400, "Problems parsing JSON");
}
