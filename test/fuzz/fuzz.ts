import fc from "fast-check";

/** One way in, with the grammar of what comes through it. */
export interface Entrance<I = unknown> {
  name: string;
  /** Its share of all inputs. */
  share: number;
  /** How many inputs are tried at the same time. */
  atOnce: number;
  inputs: fc.Arbitrary<I>;
  /** Tries an input. Returns the promise that is broken, in words; null for none. */
  attempt: (input: I) => Promise<string | null> | string | null;
}

export interface Broken {
  entrance: string;
  promise: string;
  input: string;
}

/** Inputs that are made at a time, so that memory stays bounded. */
const BATCH = 256;

/**
 * Tries `count` inputs of an entrance, drawn from `seed`. Returns the first broken promise, with its input made small;
 * null for none.
 */
export async function tryInputs<I>(
  entrance: Entrance<I>,
  count: number,
  seed: number,
): Promise<Broken | null> {
  for (let done = 0; done < count; done += BATCH) {
    const numRuns = Math.min(BATCH, count - done);
    const inputs = fc.sample(entrance.inputs, { numRuns, seed: seed + done });
    for (let at = 0; at < inputs.length; at += entrance.atOnce) {
      const some = inputs.slice(at, at + entrance.atOnce);
      const broken = await Promise.all(some.map((input) => judged(entrance, input)));
      const first = broken.findIndex((promise) => promise !== null);
      if (first < 0) continue;
      const small = await shrink(entrance, seed + done, numRuns);
      const input = small?.input ?? some[first];
      const promise = small?.promise ?? (broken[first] as string);
      return { entrance: entrance.name, promise, input: fc.stringify(input).slice(0, 2_000) };
    }
  }
  return null;
}

/** An error that is thrown is a broken promise, too. */
async function judged<I>({ attempt }: Entrance<I>, input: I): Promise<string | null> {
  try {
    return await attempt(input);
  } catch (error) {
    return `it throws ${(error as Error).stack ?? error}`;
  }
}

async function shrink<I>(entrance: Entrance<I>, seed: number, numRuns: number) {
  let small: { input: I; promise: string } | undefined;
  const property = fc.asyncProperty(entrance.inputs, async (input) => {
    const promise = await judged(entrance, input);
    if (promise === null) return;
    small = { input, promise };
    throw new Error(promise);
  });
  await fc.check(property, { seed, numRuns, interruptAfterTimeLimit: 20_000 });
  return small;
}
