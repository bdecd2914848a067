import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";

/** A process of the bench's own that answers each message with one message. */
export class HelperProcess<Request, Answer> {
  #child: ChildProcess;
  #ended: Promise<never>;

  constructor(file: URL) {
    this.#child = fork(file, { execArgv: ["--disable-warning=ExperimentalWarning"] });
    this.#ended = once(this.#child, "exit").then(([code]) => {
      throw new Error(`${file.pathname} ended with code ${code}`);
    });
    this.#ended.catch(() => {});
  }

  /** @throws {Error} when the process ends instead of answering. */
  async ask(request: Request): Promise<Answer> {
    const answer = once(this.#child, "message");
    this.#child.send(request as object);
    const [message] = await Promise.race([answer, this.#ended]);
    return message as Answer;
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
