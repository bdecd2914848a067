import { createServer, type Server } from "node:net";

/**
 * Below those that the system chooses by itself, for whoever connects or listens anywhere, so that a port stays
 * free until its instance is started. @see ip_local_port_range, https://docs.kernel.org/networking/ip-sysctl.html
 */
const FIRST = 10_000;
/** Each process gives out ports of a block of its own, and so none that another one has given out. */
const BLOCK_SIZE = 200;
const BLOCKS = 110;

let block: Promise<number> | undefined;
let tried = 0;

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}

/** Ports of 127.0.0.1 that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  block ??= claimBlock();
  const first = await block;
  const ports: number[] = [];
  for (let left = BLOCK_SIZE - 1; ports.length < count; left--) {
    if (left === 0) throw new Error(`no port is free from ${first} to ${first + BLOCK_SIZE - 1}`);
    // The first one is what claims the block.
    const port = first + 1 + (tried++ % (BLOCK_SIZE - 1));
    const server = await listenOn(port);
    if (!server) continue;
    await new Promise((resolve) => server.close(resolve));
    ports.push(port);
  }
  return ports;
}

/** Listens on the first port of a block for as long as this process lives. */
async function claimBlock(): Promise<number> {
  for (let i = 0; i < BLOCKS; i++) {
    const first = FIRST + ((process.pid + i) % BLOCKS) * BLOCK_SIZE;
    const server = await listenOn(first);
    if (!server) continue;
    server.unref();
    return first;
  }
  throw new Error("no block of ports is free");
}

function listenOn(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
