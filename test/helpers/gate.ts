import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { atTestEnd } from "./at-test-end.ts";

/**
 * A proxy in front of a port, which can be shut: then nobody gets through, and what is behind it goes on. It keeps
 * its own port meanwhile, which another test would else be given.
 */
export class Gate {
  #server: Server;
  #sockets = new Set<Socket>();
  #isOpen = true;

  private constructor(to: number) {
    this.#server = createServer((socket) => {
      if (!this.#isOpen) return socket.destroy();
      const behind = connect(to, "127.0.0.1");
      for (const one of [socket, behind]) {
        this.#sockets.add(one);
        one.on("error", () => {}).on("close", () => this.#sockets.delete(one));
      }
      socket.pipe(behind).pipe(socket);
    });
  }

  static async open(to: number): Promise<Gate> {
    const gate = new Gate(to);
    await new Promise<void>((resolve) => gate.#server.listen(0, "127.0.0.1", resolve));
    atTestEnd(() => {
      gate.shut();
      gate.#server.close();
    });
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  open(): void {
    this.#isOpen = true;
  }

  /** Nothing passes any more on the connections that are open, which do not learn of it. */
  hush(): void {
    for (const socket of this.#sockets) socket.unpipe().pause();
  }

  shut(): void {
    this.#isOpen = false;
    for (const socket of this.#sockets) socket.destroy();
  }
}
