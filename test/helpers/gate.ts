import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A proxy in front of a port, which can be shut: then nobody gets through, and what is behind it goes on. */
export class Gate {
  #to: number;
  #port = 0;
  #server: Server | undefined;
  #sockets = new Set<Socket>();

  private constructor(to: number) {
    this.#to = to;
  }

  static async open(to: number): Promise<Gate> {
    const gate = new Gate(to);
    await gate.open();
    onTestFinished(() => gate.shut());
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    const server = createServer((socket) => {
      const behind = connect(this.#to, "127.0.0.1");
      for (const one of [socket, behind]) {
        this.#sockets.add(one);
        one.on("error", () => {}).on("close", () => this.#sockets.delete(one));
      }
      socket.pipe(behind).pipe(socket);
    });
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server) await new Promise((resolve) => server.close(resolve));
  }
}
