import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { ALERT_KINDS } from "../../app/config/alert-kinds.ts";
import { configSchema } from "../../app/config/schema.ts";
import { unwrap } from "../../app/config/schema-keys.ts";
import { DURATION_SYNTAX, parseDuration } from "../../shared/duration.ts";
import { metricDefinitions } from "../helpers/metric-definitions.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const read = (file: string) => readFileSync(resolve(ROOT, file), "utf8");
/** A page whose tables have no padding. */
const page = (file: string) =>
  read(file).replaceAll(/^\|.*\|$/gm, (row) =>
    row
      .replaceAll(/ *\| */g, " | ")
      .replaceAll(/-{3,}/g, "---")
      .trim(),
  );
const configurationPage = page("docs/reference/configuration.md");
const actionPage = page("docs/reference/action.md");
const example = read("twinhook.example.yml");

interface ActionMetadata {
  inputs: Record<string, { description: string; required: boolean; default?: string }>;
  outputs: Record<string, { description: string }>;
}
const action = parse(read("action.yml")) as ActionMetadata;

type Json = Record<string, unknown>;

/** A file with what is required, and one entry in every list and map that has keys of its own. */
const MINIMAL = {
  instances: [{ name: "a", url: "https://a.example.com", listen: "127.0.0.1:1" }],
  targets: [
    {
      repository: "acme/site",
      environment: "production",
      workflow: ".github/workflows/ci.yml",
      run: ["x"],
      directory: "/",
    },
  ],
};
/** What stands inside keys that the minimal file leaves out, with all that is required there. */
const INNER = {
  door: { listen: "127.0.0.1:2", url: "https://b.example.com" },
  alerts: [{ type: "slack" }],
  dead_mans_switch: { url_env: "PING_URL" },
  instances: [{ ...MINIMAL.instances[0], tls: { cert: "c", key: "k" } }],
  targets: [{ ...MINIMAL.targets[0], verify: { url: "https://www.example.com" } }],
};
const FULL = { ...MINIMAL, ...INNER };

/** Every key of the schema: `targets[].action.secret_env`. Maps with keys of their own are listed by their keys. */
function keysOf(schema: unknown, at = ""): string[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray && unwrap(inner.element) instanceof z.ZodObject)
    return [at, ...keysOf(inner.element, `${at}[]`)];
  if (!(inner instanceof z.ZodObject)) return [at];
  const below = Object.entries(inner.shape).flatMap(([key, value]) =>
    keysOf(value, at ? `${at}.${key}` : key),
  );
  return at === "" || at.endsWith("[]") ? below : [at, ...below];
}

/** Groups say nothing by themselves: the table lists what is in them. */
const GROUPS = [
  "instances",
  "webhook",
  "failover",
  "retry",
  "circuit_breaker",
  "oidc",
  "retention",
  "targets[].action",
];
const KEYS = keysOf(configSchema).filter((key) => !GROUPS.includes(key));

const steps = (key: string) => key.replaceAll("[]", ".0").split(".");
const valueAt = (value: unknown, key: string) =>
  steps(key).reduce<unknown>((at, step) => (at as Json | undefined | null)?.[step], value);

function without(value: unknown, key: string): unknown {
  const copy = structuredClone(value) as Json;
  const path = steps(key);
  const last = path.pop() as string;
  const parent = path.reduce<Json | undefined>((at, step) => at?.[step] as Json | undefined, copy);
  if (parent) delete parent[last];
  return copy;
}

/** As the schema reads it: a duration becomes milliseconds. */
function asRead(written: unknown): unknown {
  try {
    return parseDuration(written);
  } catch {
    return written;
  }
}

const rows = configurationPage
  .split("\n")
  .map((line) => /^\| `([^`]+)`( \*)? \| (.+?) \| (.+) \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, key, , written, meaning]) => ({ key: key ?? "", written: written ?? "", meaning: meaning ?? "" }))
  .filter(({ key }) => KEYS.includes(key) || /^[a-z_]+(\[\])?\./.test(key));

describe("the configuration's documents", () => {
  test("the reference's table names every key of the configuration, and no other", () => {
    expect(rows.map(({ key }) => key).toSorted()).toEqual(KEYS.toSorted());
  });

  test.each(rows)("the reference's default of $key is that of the code", ({ key, written }) => {
    const result = configSchema.safeParse(without(FULL, key));
    if (written === "required") return expect(result.success).toBe(false);
    expect(result.error).toBeUndefined();
    const literal = /^`(.+)`$/.exec(written)?.[1];
    if (literal !== undefined && literal !== "listen")
      expect(valueAt(result.data, key)).toEqual(asRead(parse(literal)));
  });

  test("defaults that depend on other keys are those that the reference describes", () => {
    expect(configSchema.parse(MINIMAL).targets[0]).toMatchObject({
      name: "production",
      action: { workflows: [".github/workflows/ci.yml"], refs: ["refs/heads/main"] },
    });
  });

  test("the example has the right shape, and all its defaults are those of the code", () => {
    const written = configSchema.parse(parse(example));
    for (const { key, written: literal } of rows) {
      if (!literal.startsWith("`") || key.startsWith("instances") || key === "targets") continue;
      // Where the whole is left out, so are its parts.
      if (key.includes(".") && valueAt(written, key.replace(/\.[^.]+$/, "")) === null) continue;
      expect([key, valueAt(written, key)]).toEqual([key, asRead(parse(literal.replaceAll("`", "")))]);
    }
  });

  test("the example names every key, if only in a comment", () => {
    for (const key of keysOf(configSchema)) {
      const last = key.split(".").at(-1)?.replace("[]", "") ?? "";
      expect(example, key).toMatch(new RegExp(`(^|[\\s#{])${last}:`, "m"));
    }
  });
});

describe("the Action's documents", () => {
  const region = (name: string) =>
    new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)<!-- /${name} -->`).exec(actionPage)?.[1]?.trim();

  test("the reference's table of inputs is that of action.yml", () => {
    const lines = Object.entries(action.inputs).map(([name, input]) => {
      const written = input.required
        ? "required"
        : input.default === undefined
          ? "none"
          : `\`${input.default}\``;
      return `| \`${name}\` | ${written} | ${input.description} |`;
    });
    expect(region("inputs")).toBe(
      ["| input | default | meaning |", "| --- | --- | --- |", ...lines].join("\n"),
    );
  });

  test("the reference's table of outputs is that of action.yml", () => {
    const lines = Object.entries(action.outputs).map(
      ([name, { description }]) => `| \`${name}\` | ${description} |`,
    );
    expect(region("outputs")).toBe(["| output | meaning |", "| --- | --- |", ...lines].join("\n"));
  });
});

describe("the alerts' document", () => {
  const text = read("app/alerts/README.md");

  test("has a configuration with a channel of every type, and all of it is right", () => {
    const [example = ""] = blocks(text, "yaml");
    const config = configSchema.parse({ ...MINIMAL, ...parse(example) });
    expect(config.alerts.map(({ type }) => type)).toEqual([
      "slack",
      "discord",
      "telegram",
      "ntfy",
      "teams",
      "apprise",
      "webhook",
      "email",
      "github_issue",
    ]);
    expect(config.dead_mans_switch).toMatchObject({ interval: 60_000 });
  });

  test("names every kind of alert, and the example configuration does", () => {
    const table = [...text.matchAll(/^\| `([a-z_]+)` /gm)].map(([, kind]) => kind);
    expect(table).toEqual(ALERT_KINDS);
    for (const kind of ALERT_KINDS) expect(example).toContain(kind);
  });
});

test("the table of metrics is that of the code", () => {
  const described = metricDefinitions().map(
    ({ name, type, labelNames, help }) =>
      `| \`${name}\` | ${type} | ${labelNames.map((label) => `\`${label}\``).join(", ") || "none"} | ${help} |`,
  );
  const table = read("app/metrics/README.md")
    .split("\n")
    .filter((line) => line.startsWith("| `twinhook_"))
    .map((row) => row.replaceAll(/ *\| */g, " | ").trim());
  expect(table).toEqual(described);
});

/** Every page that people read. */
const PAGES = [
  ...globSync("*.md", { cwd: ROOT }),
  ...globSync("{docs,app,action,test}/**/*.md", { cwd: ROOT }),
].toSorted();

const KEYS_OF_FILE = Object.keys(configSchema.shape);

/** The configuration that a YAML example belongs to: a whole one, some of its keys, targets, or keys of a target. */
function configOf(example: unknown): unknown {
  if (Array.isArray(example)) return { ...MINIMAL, targets: example };
  const keys = Object.keys(example as Json);
  if (keys.every((key) => KEYS_OF_FILE.includes(key))) return { ...MINIMAL, ...(example as Json) };
  return { ...MINIMAL, targets: [{ ...MINIMAL.targets[0], ...(example as Json) }] };
}

interface Step {
  uses?: string;
  with?: Json;
}

/** The steps of a workflow, or of a list of steps; null where the example is no workflow. */
function stepsOf(example: unknown): Step[] | null {
  if (Array.isArray(example))
    return example.some((one) => "uses" in one || ("run" in one && !("repository" in one))) ? example : null;
  const { jobs } = example as { jobs?: Record<string, { steps: Step[] }> };
  return jobs ? Object.values(jobs).flatMap(({ steps }) => steps) : null;
}

describe("the YAML examples of all pages", () => {
  const examples = PAGES.flatMap((file) =>
    blocks(read(file), "yaml").map((text, index) => {
      const [document, ...others] = parseAllDocuments(text);
      if (!document || "empty" in document) throw new Error(`an example of ${file} is empty`);
      expect([file, others, document.errors]).toEqual([file, [], []]);
      return { at: `${file} #${index + 1}`, content: document.toJS() as unknown };
    }),
  );
  const workflows = examples.flatMap(({ at, content }) => {
    const steps = stepsOf(content);
    return steps ? [{ at, steps }] : [];
  });
  const isPartOfJob = (content: unknown) => "permissions" in (content as Json);
  const configs = examples.filter(({ content }) => stepsOf(content) === null && !isPartOfJob(content));

  test("the README shows a configuration and a workflow", () => {
    expect([configs, workflows].map((all) => all.filter(({ at }) => at.startsWith("README.md")))).toEqual([
      [expect.anything()],
      [expect.anything()],
    ]);
  });

  test.each(configs)("$at is a configuration of the right shape", ({ content }) => {
    expect(configSchema.safeParse(configOf(content)).error).toBeUndefined();
  });

  test.each(workflows)("$at gives the Action all that it needs, and nothing unknown", ({ steps }) => {
    for (const { with: given = {} } of steps.filter(({ uses }) => uses?.startsWith("OWNER/twinhook@"))) {
      expect(Object.keys(action.inputs)).toEqual(expect.arrayContaining(Object.keys(given)));
      const required = Object.keys(action.inputs).filter((name) => action.inputs[name]?.required);
      expect(Object.keys(given)).toEqual(expect.arrayContaining(required));
    }
  });
});

describe.each(PAGES)("%s", (file) => {
  const text = read(file);

  test("names only npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)].map(
      ([, run, own]) => run ?? own,
    );
    for (const name of named) expect(Object.keys(scripts)).toContain(name);
  });

  test("links only to files and headings that exist", () => {
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const linked = path === "" ? resolve(ROOT, file) : resolve(ROOT, dirname(file), path);
      expect(existsSync(linked), target).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(linked), target).toContain(anchor);
    }
  });

  test("names only folders and files of the project that exist", () => {
    for (const [, path = ""] of text.matchAll(/`((?:app|action|shared|test|docs)\/[\w./-]*)`/g))
      expect(existsSync(resolve(ROOT, path)), path).toBe(true);
  });
});

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(file: string): string[] {
  const outsideCode = readFileSync(file, "utf8").replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
  return [...outsideCode.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** Fenced blocks in a language, also those within lists. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, "gm"))].map(
    ([, indent = "", body = ""]) => body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  );
}

test("the list of the documentation names every page", () => {
  const list = read("docs/README.md");
  for (const page of globSync("**/*.md", { cwd: resolve(ROOT, "docs") }))
    if (page !== "README.md") expect(list).toContain(`](${page})`);
});

test("the README says in 9,000 bytes what a reader needs first", () => {
  expect(Buffer.byteLength(read("README.md"))).toBeLessThanOrEqual(9_000);
});

test("durations are documented as they are read", () => {
  for (const unit of ["ms", "s", "m", "h", "d"]) {
    expect(parseDuration(`1${unit}`)).toBeGreaterThan(0);
    expect(DURATION_SYNTAX).toContain(unit);
  }
});
