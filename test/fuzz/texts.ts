import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { addEnvFile, readEnvFile, setInEnvFile } from "../../app/config/environment/env-file.ts";
import { loadConfig } from "../../app/config/load.ts";
import { ConfigError } from "../../app/config/problem.ts";
import { AnsiText } from "../../app/pages/parts/ansi.ts";
import { Masker } from "../../app/run/masker.ts";
import type { Entrance } from "./fuzz.ts";

const SECRET = "the-secret-of-the-environment-0123456789";
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "",
    "\0",
    "~",
    "null",
    "1e400",
    "-1",
    "{}",
    "[]",
    "*",
    "&a",
    "*a",
    "!!js/function",
    "<<",
    "$X",
    "\u2028",
  ),
);

/** The keys of the configuration file, with values that fit and values that do not. */
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: "small" },
    text,
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.constantFrom(
      null,
      "30s",
      "2h",
      "acme/site",
      "./deploy.sh",
      "http://127.0.0.1:1",
      "postgres://u:p@h/d",
    ),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("keys"),
  ),
  keys: fc.dictionary(
    fc.constantFrom(
      ...[
        "instances",
        "targets",
        "failover",
        "store",
        "alerts",
        "name",
        "url",
        "listen",
        "repository",
        "run",
        "env",
      ],
      ...[
        "workflow",
        "environment",
        "queue",
        "hosts",
        "tls",
        "door",
        "oidc",
        "verify",
        "lock",
        "branches",
        "refs",
      ],
    ),
    tie("value"),
    { maxKeys: 4 },
  ),
})).value;
const yaml = fc.oneof(
  value.map((content) => {
    try {
      return stringify(content);
    } catch {
      return String(content);
    }
  }),
  fc
    .array(
      fc.oneof(
        text,
        fc.constantFrom(
          "instances:",
          "\n",
          "  - ",
          ": ",
          "&a ",
          "*a",
          "|",
          ">",
          "---",
          "...",
          "? ",
          "%YAML 9",
        ),
        fc.constant("\t"),
      ),
    )
    .map((parts) => parts.join("")),
);
const envFile = fc
  .array(
    fc.oneof(
      text,
      fc.constantFrom(
        "A=",
        "export ",
        "\n",
        "\r\n",
        '"',
        "'",
        "`",
        "#",
        "=",
        "\\n",
        "APP_ID=",
        "TWINHOOK_ADMIN_TOKEN=",
        " ",
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(""));

/** What is read as text: configuration, `.env`, and the output of commands. */
export function textEntrances(): Entrance[] {
  const folder = mkdtempSync(join(tmpdir(), "twinhook-fuzz-"));
  const config = join(folder, "twinhook.yml");
  const env = join(folder, ".env");
  const entrance = <I>(one: Omit<Entrance<I>, "atOnce">): Entrance => ({ ...one, atOnce: 1 }) as Entrance;
  const refusedWell = (work: () => void): string | null => {
    try {
      work();
      return null;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      if (error.message === "") return "the refusal says nothing";
      return error.message.includes(SECRET) ? "the refusal shows a secret" : null;
    }
  };
  return [
    entrance({
      name: "twinhook.yml",
      share: 2,
      inputs: yaml,
      attempt: (content) => {
        writeFileSync(config, content);
        const variables = { TWINHOOK_CONFIG: config, TWINHOOK_ADMIN_TOKEN: SECRET, WEBHOOK_SECRET: SECRET };
        return refusedWell(() => void loadConfig(variables));
      },
    }),
    entrance({
      name: ".env",
      share: 2,
      inputs: envFile,
      attempt: (content) => {
        writeFileSync(env, `TWINHOOK_ADMIN_TOKEN=${SECRET}\n${content}`);
        return refusedWell(() => addEnvFile({}, env));
      },
    }),
    entrance({
      name: "a value written to .env",
      share: 1,
      inputs: fc.tuple(envFile, text),
      attempt: ([content, value]) => {
        writeFileSync(env, content);
        try {
          setInEnvFile(env, { WEBHOOK_SECRET: value });
        } catch (error) {
          return (error as Error).message === "" ? "the refusal says nothing" : null;
        }
        const read = readEnvFile(env)?.WEBHOOK_SECRET;
        return read === value ? null : `it is read back as ${JSON.stringify(read)}`;
      },
    }),
    entrance({
      name: "the output of commands, masked",
      share: 6,
      inputs: fc.record({
        secrets: fc.array(fc.string({ minLength: 6, maxLength: 20 }), { minLength: 1, maxLength: 3 }),
        parts: fc.array(fc.oneof(fc.nat(2), fc.string(), fc.uint8Array({ maxLength: 4 })), { maxLength: 12 }),
        cuts: fc.array(fc.nat(40), { maxLength: 8 }),
      }),
      attempt: ({ secrets, parts, cuts }) => {
        const bytes = Buffer.concat(
          parts.map((part) =>
            Buffer.from(typeof part === "number" ? (secrets[part % secrets.length] as string) : part),
          ),
        );
        const masker = new Masker(secrets);
        const out: Buffer[] = [];
        let from = 0;
        for (const cut of [...cuts, bytes.length]) {
          out.push(masker.push(bytes.subarray(from, from + cut)));
          from += cut;
        }
        out.push(masker.end());
        const shown = Buffer.concat(out);
        const leaked = secrets.find((secret) => shown.includes(secret) && !"***".includes(secret));
        return leaked === undefined ? null : `a secret is shown: ${shown.toString("latin1")}`;
      },
    }),
    entrance({
      name: "the output of commands, as HTML",
      share: 6,
      inputs: fc.array(
        fc.oneof(
          text,
          fc.constantFrom(
            "\x1b[",
            "\x1b]8;;http://x\x07",
            "\x1b\\",
            "31m",
            "38;2;1;2;3m",
            "38;5;300m",
            "48;5;1m",
            "0m",
            ";",
            "<",
            ">",
            '"',
            "&",
            "<script>",
          ),
        ),
        { maxLength: 12 },
      ),
      attempt: (pieces) => {
        const ansi = new AnsiText();
        const html = pieces.map((piece) => ansi.markup(piece)).join("");
        const left = html.replaceAll(/<span class="[a-z0-9 -]*">|<\/span>/g, "");
        return /[<>]/.test(left) ? `it is more than text and classes: ${html}` : null;
      },
    }),
  ];
}
