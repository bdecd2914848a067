import { type Broken, type Entrance, tryInputs } from "./fuzz.ts";
import { requestEntrances } from "./requests.ts";
import { textEntrances } from "./texts.ts";

/** More memory in use than this, once garbage is collected or not, means that something keeps what it got (bytes). */
const MOST_HEAP = 700 * 1024 * 1024;

export interface Fuzzed {
  inputs: { entrance: string; count: number }[];
  answers: [status: number, count: number][];
  broken: Broken[];
}

/** Tries `count` inputs of all entrances, drawn from `seed`. Calls `onProgress` after each entrance. */
export async function fuzzAll(
  count: number,
  seed: number,
  onProgress: (entrance: string, inputs: number) => void = () => {},
): Promise<Fuzzed> {
  const requests = await requestEntrances();
  const entrances: Entrance[] = [...textEntrances(), ...requests.entrances];
  const shares = entrances.reduce((sum, { share }) => sum + share, 0);
  const inputs: Fuzzed["inputs"] = [];
  const broken: Broken[] = [];
  try {
    for (const entrance of entrances) {
      const some = Math.ceil((count * entrance.share) / shares);
      const found = await tryInputs(entrance, some, seed);
      if (found) broken.push(found);
      inputs.push({ entrance: entrance.name, count: some });
      onProgress(entrance.name, some);
      const { heapUsed } = process.memoryUsage();
      if (heapUsed > MOST_HEAP)
        broken.push({
          entrance: entrance.name,
          promise: `${heapUsed} bytes of memory are in use`,
          input: "all",
        });
    }
  } finally {
    for (const promise of await requests.end()) broken.push({ entrance: "all", promise, input: "all" });
  }
  return { inputs, answers: [...requests.answers].sort(([a], [b]) => a - b), broken };
}
