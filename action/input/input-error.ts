/** Holds every problem of the inputs, so that one failed run is enough to correct them all. */
export class InputError extends Error {
  override readonly name = "InputError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}
