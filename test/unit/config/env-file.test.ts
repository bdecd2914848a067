import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { addEnvFile, readEnvFile, setInEnvFile } from "../../../app/config/environment/env-file.ts";
import { temporaryDirectory } from "../../helpers/stores.ts";

const KEY = "-----BEGIN RSA PRIVATE KEY-----\nab+/=\n-----END RSA PRIVATE KEY-----\n";

test("a new file can be read by its owner alone, and Node reads back what was set", () => {
  const file = join(temporaryDirectory(), ".env");
  expect(readEnvFile(file)).toBeNull();
  setInEnvFile(file, { PRIVATE_KEY: KEY, APP_ID: "1" });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readEnvFile(file)).toEqual({ PRIVATE_KEY: KEY, APP_ID: "1" });
});

test("what is set again replaces the old value, however it was written, and nothing else changes", () => {
  const folder = temporaryDirectory();
  const file = join(folder, ".env");
  const kept = "# a comment\nOTHER='x y' # why\nNOT_APP_ID=7\n";
  writeFileSync(
    file,
    `${kept}export PRIVATE_KEY="-----BEGIN\nold\n-----END"\n APP_ID = 5 # old\nAPP_ID='6'`,
    { mode: 0o644 },
  );
  setInEnvFile(file, { PRIVATE_KEY: KEY, APP_ID: "8" });
  const text = readFileSync(file, "utf8");
  expect(text.startsWith(kept)).toBe(true);
  expect(text).not.toContain("old");
  expect(parseEnv(text)).toEqual({ OTHER: "x y", NOT_APP_ID: "7", PRIVATE_KEY: KEY, APP_ID: "8" });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual([".env"]);
});

test.each(["a#b", "#", "a b", " a", "it's", 'say "so"', "$HOME", "a\\b", "`date`", "two\nlines"])(
  "a value with a character of the shell's is read back as it was: %j",
  (value) => {
    const file = join(temporaryDirectory(), ".env");
    setInEnvFile(file, { A: value });
    expect(readEnvFile(file)).toEqual({ A: value });
  },
);

test("any text is read back as it was, or refused before anything is written", () => {
  const folder = temporaryDirectory();
  let count = 0;
  fc.assert(
    fc.property(fc.string(), (value) => {
      const file = join(folder, `${count++}`);
      try {
        setInEnvFile(file, { A: value });
      } catch (error) {
        expect((error as Error).message).toMatch(/cannot hold/);
        expect(readEnvFile(file)).toBeNull();
        return;
      }
      expect(readEnvFile(file)).toEqual({ A: value });
    }),
    { numRuns: 300 },
  );
});

test("what the environment says itself is not overridden by the file", () => {
  const file = join(temporaryDirectory(), ".env");
  writeFileSync(file, "A=file\nB=file\n");
  const env: NodeJS.ProcessEnv = { A: "own", B: "" };
  addEnvFile(env, file);
  expect(env).toEqual({ A: "own", B: "file" });
});
