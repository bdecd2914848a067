import type { Store } from "../../store/store.ts";
import { AnsiText } from "../parts/ansi.ts";

/** How many pieces of a log one read returns. */
const PAGE = 500;

/** Output of one attempt, as markup, and the place in the log where it ends. */
export interface LogPiece {
  attempt: number;
  seq: number;
  markup: string;
}

/** Reads a deployment's log from the start; each call continues where the last one ended. */
export class LogReader {
  readonly deployment: string;
  #store: Store;
  #shown: { attempt: number; seq: number };
  #attempt = 0;
  #seq = -1;
  #text = new AnsiText();

  /**
   * A reader that has the log up to `shown` gets only later pieces. A colour may have begun before that
   * point.
   */
  constructor(store: Store, deployment: string, shown = { attempt: 0, seq: -1 }) {
    this.#store = store;
    this.deployment = deployment;
    this.#shown = shown;
  }

  /** The pieces since the last call, one for each attempt; empty when nothing is new. */
  async next(): Promise<LogPiece[]> {
    const pieces = new Map<number, LogPiece>();
    for (;;) {
      const chunks = await this.#read();
      for (const { attempt, seq, text } of chunks) {
        // Every attempt is a process of its own, which begins without any colour.
        if (attempt !== this.#attempt) this.#text = new AnsiText();
        this.#attempt = attempt;
        this.#seq = seq;
        const markup = this.#text.markup(text);
        if (this.#isShown(attempt, seq)) continue;
        pieces.set(attempt, { attempt, seq, markup: (pieces.get(attempt)?.markup ?? "") + markup });
      }
      if (chunks.length < PAGE) return [...pieces.values()];
    }
  }

  #isShown(attempt: number, seq: number): boolean {
    return attempt < this.#shown.attempt || (attempt === this.#shown.attempt && seq <= this.#shown.seq);
  }

  #read() {
    const [attempt, seq] = [this.#attempt, this.#seq];
    return this.#store.read
      .selectFrom("log_chunks")
      .select(["attempt", "seq", "text"])
      .where("deployment_id", "=", this.deployment)
      .where((e) =>
        e.or([e("attempt", ">", attempt), e.and([e("attempt", "=", attempt), e("seq", ">", seq)])]),
      )
      .orderBy("attempt")
      .orderBy("seq")
      .limit(PAGE)
      .execute();
  }
}
