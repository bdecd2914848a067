/** A delivery that hangs at the old endpoint appears in GitHub's log when GitHub gives it up, after 10 s. */
const STRAGGLERS_MS = 11_000;

/**
 * Starts the catch-up after a change of the active endpoint: at once, and again 11 s later. By then GitHub's log shows
 * the deliveries that hung at the old endpoint.
 */
export class CatchUpTrigger {
  #catchUp: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `catchUp` starts a catch-up: it accepts the events that GitHub could not deliver. */
  constructor(catchUp: () => void) {
    this.#catchUp = catchUp;
  }

  /** GitHub has taken the URL of another endpoint. */
  switched(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#catchUp, STRAGGLERS_MS);
    this.#catchUp();
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
