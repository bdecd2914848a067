/** The time at the simulated GitHub: the real time plus the test's advances. */
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

  /** Advances the time at once. */
  advance(ms: number): void {
    this.#ahead += ms;
  }
}
