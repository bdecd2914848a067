const MASK = Buffer.from("***");

/**
 * Replaces secrets in a stream of bytes by `***`, also where a secret is split over pieces. It finds each secret as it
 * is, escaped for a URL or JSON, and in base64 with any text around it. It keeps back the bytes that may begin a
 * secret: fewer than the longest one has.
 *
 * This is the automaton of Aho and Corasick: the time for a byte does not grow with the number of secrets. A state
 * stands for the longest end of the stream that begins a secret.
 */
export class Masker {
  /** The next state by `state * 256 + byte`, without the ways back. */
  #next = new Map<number, number>();
  /** By state: the length of its text. */
  #depth = [0];
  /** By state: the state of the longest end of its text. */
  #back = [0];
  /** By state: the length of the longest secret that ends here. */
  #found = [0];
  #state = 0;
  /** The bytes that may begin a secret, and whether each one belongs to another secret already. */
  #held = Buffer.alloc(0);
  #heldSecret = new Uint8Array(0);
  /** Whether the last byte that was given out was secret. */
  #masking = false;

  /** `secrets` are plain texts. */
  constructor(secrets: readonly string[]) {
    for (const form of new Set(secrets.flatMap(formsOf))) this.#add(Buffer.from(form));
    this.#link();
  }

  /** Takes the next bytes of the stream. Returns those that are certain now, masked. */
  push(piece: Uint8Array): Buffer {
    const bytes = Buffer.concat([this.#held, piece]);
    const secret = new Uint8Array(bytes.length);
    secret.set(this.#heldSecret);
    for (let at = this.#held.length; at < bytes.length; at++) {
      this.#state = this.#step(this.#state, bytes[at] as number);
      const length = this.#found[this.#state] as number;
      if (length > 0) secret.fill(1, at + 1 - length, at + 1);
    }
    const certain = bytes.length - (this.#depth[this.#state] as number);
    this.#held = bytes.subarray(certain);
    this.#heldSecret = secret.subarray(certain);
    return this.#mask(bytes.subarray(0, certain), secret.subarray(0, certain));
  }

  /** The rest, at the end of the stream. */
  end(): Buffer {
    const rest = this.#mask(this.#held, this.#heldSecret);
    this.#held = Buffer.alloc(0);
    this.#heldSecret = new Uint8Array(0);
    this.#state = 0;
    return rest;
  }

  #add(form: Buffer): void {
    let state = 0;
    for (const [index, byte] of form.entries()) {
      const edge = state * 256 + byte;
      state = this.#next.get(edge) ?? this.#depth.push(index + 1) - 1;
      this.#next.set(edge, state);
    }
    this.#found[state] = form.length;
  }

  /** Finds the way back from each state. The states with shorter texts come first, since others need theirs. */
  #link(): void {
    const depth = (state: number) => this.#depth[state] as number;
    for (const [edge, state] of [...this.#next].sort(([, a], [, b]) => depth(a) - depth(b))) {
      const from = Math.floor(edge / 256);
      const back = from === 0 ? 0 : this.#step(this.#back[from] as number, edge % 256);
      this.#back[state] = back;
      this.#found[state] ||= this.#found[back] ?? 0;
    }
  }

  #step(from: number, byte: number): number {
    for (let state = from; ; state = this.#back[state] as number) {
      const next = this.#next.get(state * 256 + byte);
      if (next !== undefined) return next;
      if (state === 0) return 0;
    }
  }

  /** Writes `***` for each row of secret bytes. */
  #mask(bytes: Buffer, secret: Uint8Array): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = secret.indexOf(secret[at] === 1 ? 0 : 1, at);
      const to = end === -1 ? bytes.length : end;
      if (secret[at] !== 1) parts.push(bytes.subarray(at, to));
      else if (at > 0 || !this.#masking) parts.push(MASK);
      at = to;
    }
    if (bytes.length > 0) this.#masking = secret[bytes.length - 1] === 1;
    return Buffer.concat(parts);
  }
}

/** The forms in which a secret may be printed. */
function formsOf(secret: string): string[] {
  const escaped = [encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)];
  return [secret, ...escaped, ...base64Of(Buffer.from(secret))];
}

/**
 * The characters in base64 that a secret alone decides, by the number of bytes before it. A URL's user name and
 * password, `user:secret`, are sent like this.
 */
function base64Of(secret: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), secret]).toString("base64url");
    const own = text.slice(
      before === 0 ? 0 : before + 1,
      (before + secret.length) % 3 === 0 ? undefined : -1,
    );
    return [own, own.replaceAll("-", "+").replaceAll("_", "/")];
  });
}
