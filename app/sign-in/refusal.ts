/** Signing in, or what needs it, is refused; the message says why and what to do. */
export class SignInRefusal extends Error {
  override readonly name = "SignInRefusal";
  /** 401: nobody is signed in. 403: not allowed. 429: too often. 502, 503: GitHub does not help now. */
  readonly status: 401 | 403 | 429 | 502 | 503;
  /** When it may go well (seconds). */
  readonly retryAfterS: number | null;

  constructor(
    status: SignInRefusal["status"],
    message: string,
    options: ErrorOptions & { retryAfterS?: number } = {},
  ) {
    super(message, options);
    this.status = status;
    this.retryAfterS = options.retryAfterS ?? null;
  }
}
