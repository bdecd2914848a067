import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fuzzAll } from "../../fuzz/all.ts";
import { tryInputs } from "../../fuzz/fuzz.ts";

it("random inputs at every entrance break nothing, are not let in, and are refused with a reason", async () => {
  const { broken, inputs } = await fuzzAll(1_500, 1);
  expect(broken).toEqual([]);
  expect(inputs.reduce((sum, { count }) => sum + count, 0)).toBeGreaterThanOrEqual(1_500);
});

describe("a broken promise", () => {
  const entrance = {
    ...{ name: "numbers", share: 1, atOnce: 4, inputs: fc.nat(1_000) },
    attempt: (input: number) => (input >= 100 ? "it is too large" : null),
  };

  it("is told with an input that was made small", async () => {
    expect(await tryInputs(entrance, 500, 1)).toEqual({
      entrance: "numbers",
      promise: "it is too large",
      input: "100",
    });
  });

  it("may be an error that is thrown", async () => {
    const attempt = () => {
      throw new Error("it crashed");
    };
    expect((await tryInputs({ ...entrance, attempt }, 1, 1))?.promise).toContain("it crashed");
  });
});
