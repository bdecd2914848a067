/** A channel did not take a message. The text says why, and holds no secret. */
export class SendError extends Error {
  override readonly name = "SendError";
  /** How long the receiver asked to be left alone; undefined where it did not. */
  readonly retryAfterMs: number | undefined;
  /** Whether it is this message that the receiver will never take. */
  readonly unacceptable: boolean;

  constructor(
    text: string,
    {
      retryAfterMs,
      unacceptable = false,
    }: { retryAfterMs?: number | undefined; unacceptable?: boolean } = {},
  ) {
    super(text);
    this.retryAfterMs = retryAfterMs;
    this.unacceptable = unacceptable;
  }
}
