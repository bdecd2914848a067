import { globSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../app/cli/failure.ts";
import { UNUSABLE } from "../../app/config/problem.ts";
import { UNAVAILABLE_CAUSES } from "../../app/store/errors.ts";
import { DELIVERY_OUTCOMES } from "../../app/store/schema.ts";
import { DEPLOYMENT_SOURCES, DEPLOYMENT_STATUSES } from "../../shared/deployment.ts";
import { COMMAND_LINE_PAGE, commandLinePage } from "../documentation/command-line-page.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(resolve(ROOT, file), "utf8");

/** The first cells of a section's table, without the head. */
function firstCells(text: string, column: string): string[] {
  const rows = new RegExp(`^\\| ${column} \\|.*\\n\\| -.*\\n((?:\\|.*\\n)+)`, "gm").exec(text)?.[1] ?? "";
  return [...rows.matchAll(/^\| `?([^|`]+?)`? +\|/gm)].map(([, cell = ""]) => cell);
}

describe("the page of the command line", () => {
  test("shows the help of every command as it is; `npm run docs` writes it", async () => {
    expect(read(COMMAND_LINE_PAGE)).toBe(await commandLinePage());
  });

  test("names every exit code", () => {
    const codes = [...Object.values(EXIT), UNUSABLE].toSorted((a, b) => a - b).map(String);
    expect(firstCells(read(COMMAND_LINE_PAGE), "code")).toEqual(codes);
  });
});

test("every command that a page names exists, with its options", async () => {
  const sections = (await commandLinePage()).split(/^## /m);
  const helps = new Map(sections.map((section) => [section.split("\n", 1)[0], section]));
  const pages = [...globSync("*.md", { cwd: ROOT }), ...globSync("{docs,app,action}/**/*.md", { cwd: ROOT })];
  const calls = pages.flatMap((page) =>
    [...read(page).matchAll(/(?:`|^ {4,}|^sudo -u deploy )twinhook ([a-z]+)( [a-z]+)?([^`\n]*)/gm)].map(
      ([call, name = "", word = "", rest = ""]) => ({
        at: `${page}: ${call}`,
        help: helps.get(name + word) ?? helps.get(name) ?? "there is no such command",
        options: rest.match(/(?<= )--?[a-z-]+/g) ?? [],
      }),
    ),
  );
  expect(calls.length).toBeGreaterThan(20);
  for (const { at, help, options } of calls) {
    expect(help, at).toContain("Usage: ");
    for (const option of options) expect(help, at).toMatch(new RegExp(`[ ,]${option}\\b`));
  }
});

describe("the page of states names what the code knows", () => {
  const text = read("docs/reference/states.md");

  test("statuses, sources and outcomes", () => {
    const [deployment, endpoint] = text.split("## An endpoint");
    expect(firstCells(deployment ?? "", "status")).toEqual([...DEPLOYMENT_STATUSES]);
    expect(firstCells(endpoint ?? "", "status")).toEqual(["healthy", "degraded", "unhealthy", "unknown"]);
    expect(firstCells(text, "source")).toEqual([...DEPLOYMENT_SOURCES]);
    expect(firstCells(text, "outcome")).toEqual(expect.arrayContaining([...DELIVERY_OUTCOMES]));
  });

  test("causes of a store's failure, here and in the troubleshooting", () => {
    for (const cause of UNAVAILABLE_CAUSES) expect(text).toContain(`\`${cause}\``);
    expect(firstCells(read("docs/troubleshooting.md"), "cause").toSorted()).toEqual(
      UNAVAILABLE_CAUSES.toSorted(),
    );
  });
});

describe("the troubleshooting", () => {
  const text = read("docs/troubleshooting.md");
  const quotes = [...text.matchAll(/^> (.+)$/gm)].map(([, quote = ""]) => quote);

  /** All texts of the code, where `…` stands for what is put in. Texts in several pieces are one. */
  const code = globSync("{app,action,shared}/**/*.ts", { cwd: ROOT, exclude: ["**/dist/**"] })
    .map(read)
    .join("\n")
    .replaceAll(/["'`] \+\s+["'`]/g, "")
    .replaceAll("\\`", "`");

  test("has twelve symptoms at least", () => {
    expect((text.match(/^## /gm) ?? []).length).toBeGreaterThanOrEqual(12);
  });

  test.each(quotes)("quotes the code: %s", (quote) => {
    expect(quote.split("…").filter((part) => !code.includes(part.trim()))).toEqual([]);
  });
});

describe("both ways to set it up", () => {
  const [start, nginx] = ["docs/start.md", "docs/how-to/set-up-with-nginx.md"].map((page) =>
    read(page).replaceAll(/^ +/gm, ""),
  ) as [string, string];

  test("fetch and check out the commit alike", () => {
    const lines = (text: string) => text.match(/^git (cat-file|checkout) .*$/gm);
    expect(lines(start)).toHaveLength(2);
    expect(lines(start)).toEqual(lines(nginx));
  });
});
