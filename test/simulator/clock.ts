/** The time at the simulated GitHub: the real one, moved by whatever a test has advanced it. */
export class Clock {
  readonly #real: () => number;
  #ahead = 0;

  constructor(real: () => number = Date.now) {
    this.#real = real;
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.#real() + this.#ahead;
  }

  /** Lets time pass at once. */
  advance(ms: number): void {
    this.#ahead += ms;
  }
}
