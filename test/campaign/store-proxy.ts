import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "../helpers/free-ports.ts";
import type { BreakAt } from "./hang-plan.ts";

/** The statements by which the traffic shows how far an accept has come. */
const INSERT = 'insert into "deliveries"';
const COMMIT = "commit";

/** A proxy in front of PostgreSQL that breaks connections, also in the middle of an accept. */
export class StoreProxy {
  /** The database's URL, through this proxy. */
  readonly url: string;
  readonly #server: Server;
  /** The open connections: the instance's side and the database's. */
  readonly #pairs = new Map<Socket, Socket>();
  #breakAt: Exclude<BreakAt, "all"> | undefined;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  /** Opens a proxy to the database at `databaseUrl`. */
  static async open(databaseUrl: string): Promise<StoreProxy> {
    const to = new URL(databaseUrl);
    const through = new URL(databaseUrl);
    through.hostname = "127.0.0.1";
    through.port = String(await freePort());
    const server = createServer((client) => proxy.#serve(client, connect(Number(to.port), to.hostname)));
    const proxy = new StoreProxy(String(through), server);
    await new Promise<void>((resolve) => server.listen(Number(through.port), "127.0.0.1", resolve));
    return proxy;
  }

  /** Breaks all connections now, or the one on which the next accept gets so far. */
  break(at: BreakAt): void {
    if (at !== "all") this.#breakAt = at;
    else for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Whether a break was asked for that no accept has met yet. */
  get isArmed(): boolean {
    return this.#breakAt !== undefined;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.break("all");
    await closed;
  }

  #serve(client: Socket, database: Socket): void {
    this.#pairs.set(client, database);
    for (const [one, other] of [
      [client, database],
      [database, client],
    ] as const)
      one
        .on("error", () => {})
        .on("close", () => {
          this.#pairs.delete(client);
          other.destroy();
        });
    let accepts = false;
    client.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      accepts ||= text.includes(INSERT);
      if (accepts && this.#breakAt === "insert") {
        this.#breakAt = undefined;
        client.destroy();
        return;
      }
      const commits = accepts && text.includes(COMMIT);
      if (commits) accepts = false;
      if (commits && this.#breakAt === "commit") {
        this.#breakAt = undefined;
        // The database still gets the COMMIT, but nobody gets its answer.
        client.removeAllListeners("close").destroy();
        database.unpipe().resume().end(bytes);
        return;
      }
      database.write(bytes);
    });
    database.pipe(client);
  }
}
