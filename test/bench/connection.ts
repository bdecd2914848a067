import { createConnection, type Socket } from "node:net";

/**
 * A kept-alive HTTP/1.1 connection that does no more than a load generator needs: on a small machine the
 * generator shares the processors with what it measures, and a whole HTTP client would slow that down.
 */
export class Connection {
  #socket: Socket;
  #received = "";
  #answered: ((status: number) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#take(text));
    const fail = (error: Error) => this.#failed?.(error);
    socket.on("error", fail);
    socket.on("close", () => fail(new Error("the server closed the connection")));
  }

  static async open(host: string, port: number): Promise<Connection> {
    const socket = createConnection({ host, port });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new Connection(socket);
  }

  /** Sends a whole request and resolves with the status of its answer, once that has arrived whole. */
  send(bytes: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(bytes);
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  #take(text: string): void {
    this.#received += text;
    const end = endOfAnswer(this.#received);
    if (end === undefined) return;
    const status = Number(this.#received.slice(9, 12));
    this.#received = this.#received.slice(end);
    this.#answered?.(status);
  }
}

/** Where the first whole answer in `text` ends, or undefined while some of it is missing. */
function endOfAnswer(text: string): number | undefined {
  const body = text.indexOf("\r\n\r\n") + 4;
  if (body < 4) return undefined;
  const head = text.slice(0, body).toLowerCase();
  const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1];
  if (length !== undefined) return text.length >= body + Number(length) ? body + Number(length) : undefined;
  if (!head.includes("\r\ntransfer-encoding: chunked")) return body;
  const last = text.startsWith("0\r\n\r\n", body) ? body : text.indexOf("\r\n0\r\n\r\n", body) + 2;
  return last >= body ? last + 5 : undefined;
}
