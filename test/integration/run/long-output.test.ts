import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextRound } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { OutputLog } from "../../../app/run/output-log.ts";
import { newStore, temporaryDirectory } from "../../helpers/stores.ts";

/** What is on record of an output that is written in these pieces. */
async function logOf(...pieces: (string | Buffer)[]): Promise<string> {
  const store = await newStore("sqlite");
  const pipe = join(temporaryDirectory(), "pipe");
  execFileSync("mkfifo", [pipe]);
  const output = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const input = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const deployment = { id: "dep_1", attempt: 1 };
  const log = new OutputLog({ store, clock: systemClock, deployment, output, secrets: [] });
  for (const piece of pieces)
    for (let rest = Buffer.from(piece); rest.length > 0; ) rest = rest.subarray(await writeSome(input, rest));
  closeSync(input);
  await log.settle();
  await log.store();
  const chunks = await store.read.selectFrom("log_chunks").select("text").orderBy("seq").execute();
  return chunks.map(({ text }) => text).join("");
}

/** Writes what the pipe has room for, and lets its reader read. */
async function writeSome(pipe: number, bytes: Buffer): Promise<number> {
  await nextRound();
  try {
    return writeSync(pipe, bytes);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    return 0;
  }
}

const MIB = 1024 * 1024;

describe("where a long output is cut, no character is", () => {
  it.each<[string, (string | Buffer)[]]>([
    ["the first MiB ends inside a character", ["x".repeat(MIB - 2), "🚀 and the rest\n"]],
    [
      "that character comes in two pieces",
      ["x".repeat(MIB - 2), Buffer.from("🚀").subarray(0, 2), Buffer.from("🚀").subarray(2), "\n"],
    ],
    ["the output ends with the first MiB", ["x".repeat(MIB - 4), "🚀"]],
    ["the last character goes beyond it", ["x".repeat(MIB - 1), "🚀"]],
  ])("%s: the output is whole", async (_, pieces) => {
    const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString();
    expect(difference(await logOf(...pieces), whole)).toBeNull();
  });

  it("its middle is left out between two characters", async () => {
    const log = await logOf(`x${"é".repeat(MIB)}`, "\nthe end\n");
    expect(log).not.toContain("\uFFFD");
    expect(log).toMatch(/^xé+\n\[twinhook\] \d+ bytes of output are left out here\né+\nthe end\n$/);
    const [, left] = /(\d+) bytes/.exec(log) as unknown as [string, string];
    const notice = `\n[twinhook] ${left} bytes of output are left out here\n`;
    expect(Buffer.byteLength(log.replace(notice, "")) + Number(left)).toBe(
      1 + 2 * MIB + "\nthe end\n".length,
    );
  });

  it("what was half a character from the beginning is shown where it stands", async () => {
    const half = Buffer.from("🚀").subarray(0, 2);
    expect(
      difference(
        await logOf("x".repeat(MIB - 2), half, "then text"),
        `${"x".repeat(MIB - 2)}\uFFFDthen text`,
      ),
    ).toBeNull();
  });
});

/** Where two long texts begin to differ, with what stands there, or null. */
function difference(got: string, expected: string): object | null {
  if (got === expected) return null;
  let at = 0;
  while (got[at] === expected[at]) at += 1;
  return { at, got: got.slice(at, at + 40), expected: expected.slice(at, at + 40) };
}
