import { expect, it, test } from "vitest";
import { Masker } from "../../../app/run/masker.ts";

/** The masked text of an output that comes in these pieces. */
function masked(secrets: string[], ...pieces: (string | Uint8Array)[]): string {
  const masker = new Masker(secrets);
  const parts = pieces.map((piece) => masker.push(Buffer.from(piece)));
  return Buffer.concat([...parts, masker.end()]).toString();
}

/** Numbers from 0 to below 1, the same for each seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const [LONG, INNER, ACCENTED] = ["correct-horse-battery", "horse-", "pässwörd!"];

it("masks a secret wherever its pieces are split", () => {
  const line = `token=${ACCENTED};\n`;
  const bytes = Buffer.from(line);
  for (let at = 0; at <= bytes.length; at++)
    expect(masked([ACCENTED], bytes.subarray(0, at), bytes.subarray(at))).toBe("token=***;\n");
});

it("masks a secret that comes byte by byte", () => {
  expect(masked([LONG], ...`a ${LONG} b`)).toBe("a *** b");
});

it("masks secrets that contain or overlap each other", () => {
  expect(masked([LONG, INNER], LONG, ` and ${INNER}`)).toBe("*** and ***");
  expect(masked(["abcdef", "defghi"], "_abcdef", "ghi_")).toBe("_***_");
  expect(masked(["abcabcabd"], "abcabcabcabd")).toBe("abc***");
  expect(masked(["xabcdefy", "abcdef"], "xabcdefz")).toBe("x***z");
});

it("does not mask the beginning of a secret alone", () => {
  expect(masked([LONG], "correct-horse", " and no more: correct")).toBe("correct-horse and no more: correct");
});

it("gives out a whole line at once", () => {
  expect(new Masker([LONG]).push(Buffer.from("correct-\n")).toString()).toBe("correct-\n");
});

it("keeps back fewer bytes than the longest secret has", () => {
  const masker = new Masker(["a".repeat(1000)]);
  const output = "a".repeat(999);
  expect(masker.push(Buffer.from(output)).length).toBe(0);
  expect(masker.push(Buffer.from("b")).toString()).toBe(`${output}b`);
});

test.each(["", "u", "me", "bot", "user", "x-access-token"])(
  "masks a secret in a URL's user name and password, in base64, after the name %j",
  (name) => {
    const header = (secret: string) =>
      `Authorization: Basic ${Buffer.from(`${name}:${secret}`).toString("base64")}\n`;
    for (const secret of [LONG, ACCENTED, "s3cret"]) {
      const text = masked([secret], header(secret));
      expect(text).toContain("***");
      const shown = Buffer.from(text.split(" ")[2]?.split("***")[0] ?? "", "base64").toString();
      // Two letters or more of the secret would need a character more.
      expect(shown.length).toBeLessThanOrEqual(`${name}:`.length + 1);
    }
  },
);

it("masks a secret that is escaped for a URL or JSON", () => {
  const secret = 'p@ss/"word"';
  expect(masked([secret], `https://u:${encodeURIComponent(secret)}@host ${JSON.stringify({ secret })}`)).toBe(
    'https://u:***@host {"secret":"***"}',
  );
});

it("leaves an output without secrets as it is, byte by byte", () => {
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
  const masker = new Masker([]);
  expect(Buffer.concat([masker.push(bytes), masker.end()])).toEqual(bytes);
});

it("leaves none of the secrets in 10,000 lines with secrets at random offsets, split over writes", () => {
  const random = randomOf(20_261_128);
  const below = (limit: number) => Math.floor(random() * limit);
  const letters = "abcdefghijkl-_./=+ é\n";
  const text = (length: number) => Array.from({ length }, () => letters[below(letters.length)]).join("");
  const secrets = Array.from({ length: 12 }, (_, at) => `${text(5 + below(30)).replaceAll("\n", "x")}${at}`);
  // Secrets that share their beginnings, and that lie within others.
  secrets.push(`${secrets[0]}-and-more`, `in${secrets[1]}side`);
  const plain = (word: string) => word;
  const basic = (word: string) => Buffer.from(`${"user".slice(below(4))}:${word}`).toString("base64");
  const lines = Array.from({ length: 10_000 }, () => {
    const secret = secrets[below(secrets.length)] as string;
    return { secret, before: text(below(60)), form: below(4) === 0 ? basic : plain, after: text(below(20)) };
  });
  const output = Buffer.from(
    lines.map(({ before, form, secret, after }) => `${before}${form(secret)}${after}\n`).join(""),
  );
  const masker = new Masker(secrets);
  const parts: Buffer[] = [];
  for (let at = 0; at < output.length; ) {
    const to = at + 1 + below(100);
    parts.push(masker.push(output.subarray(at, to)));
    at = to;
  }
  const stored = Buffer.concat([...parts, masker.end()]).toString();
  expect(stored).toBe(masked(secrets, output));
  const found = secrets.filter((secret) => stored.includes(secret));
  expect(found).toEqual([]);
  for (const secret of secrets)
    for (const name of ["", "r", "er", "ser", "user"]) {
      const inBase64 = Buffer.from(`${name}:${secret}`).toString("base64");
      expect(output.includes(inBase64) && stored.includes(inBase64)).toBe(false);
    }
  expect(stored.split("\n").length).toBe(output.toString().split("\n").length);
});
