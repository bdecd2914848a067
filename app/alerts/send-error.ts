/** A channel did not take a message. The text names the cause, and holds no secret. */
export class SendError extends Error {
  override readonly name = "SendError";
  /** How long the receiver asked to wait (ms); undefined if it did not. */
  readonly retryAfterMs: number | undefined;
  /** Whether the receiver will never take this very message. */
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
