/** A delivery that hung at the old endpoint shows in GitHub's log only once GitHub has given it up, after 10 s. */
const STRAGGLERS_MS = 11_000;

/**
 * Has what GitHub could not deliver around a change of the active endpoint looked for: at once, and again when what
 * hung at the old endpoint shows in GitHub's log.
 */
export class MissedDeliveries {
  #look: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `look` accepts what GitHub could not deliver until then. */
  constructor(look: () => void) {
    this.#look = look;
  }

  /** GitHub has taken the URL of another endpoint. */
  switched(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#look, STRAGGLERS_MS);
    this.#look();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
