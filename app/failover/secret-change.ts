import { createHmac } from "node:crypto";

export interface SecretChangeOptions {
  /** The webhook secret of this instance, and the one that it still accepts while the secret is being changed. */
  secret: string;
  previous: string | null;
  /** The key of all instances, which {@link SecretChange.marks} are made with. */
  key: Buffer;
  /** The names of the other instances. */
  others: readonly string[];
  /** Whether an instance is known to be down, so that GitHub's deliveries do not reach it. */
  isDown: (name: string) => boolean;
}

/**
 * A change of the webhook secret while instances restart one by one. GitHub gets the new secret once every instance
 * that it may reach accepts it. Until then everything that is written to GitHub carries the previous one: an instance
 * with the old configuration would answer 401 to the new secret.
 */
export class SecretChange {
  #o: SecretChangeOptions;
  /** The marks of each connected peer; null for an older release, which sends none. */
  #accepted = new Map<string, readonly string[] | null>();
  /**
   * What the heartbeats tell of the secrets that this instance accepts, the new one first. A mark does not reveal its
   * secret.
   */
  readonly marks: readonly [string, ...string[]];

  constructor(options: SecretChangeOptions) {
    this.#o = options;
    const { secret, previous, key } = options;
    const mark = (one: string) =>
      createHmac("sha256", key).update(`webhook secret ${one}`).digest("base64url");
    this.marks = [mark(secret), ...(previous === null ? [] : [mark(previous)])];
  }

  /** Whether this instance accepts two secrets, so that GitHub may have the previous one. */
  get isUnderWay(): boolean {
    return this.#o.previous !== null;
  }

  /** A peer's heartbeat came, with its marks; undefined from an older release. */
  heard(name: string, marks: readonly string[] | undefined): void {
    this.#accepted.set(name, marks ?? null);
  }

  /** The connection to a peer closed. */
  lost(name: string): void {
    this.#accepted.delete(name);
  }

  /** Whether every instance that GitHub may reach accepts the new secret, as far as this one knows. */
  get isAgreed(): boolean {
    const { others, isDown } = this.#o;
    const [mark] = this.marks;
    return others.every((name) => {
      const marks = this.#accepted.get(name);
      return marks === undefined ? isDown(name) : (marks?.includes(mark) ?? true);
    });
  }

  /** The secret that GitHub is to sign with now. */
  get secret(): string {
    const { secret, previous } = this.#o;
    return previous === null || this.isAgreed ? secret : previous;
  }
}
