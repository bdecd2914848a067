import { BlockList, isIP, type NetConnectOpts, Socket } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8);
LOOPBACK.addAddress("::1", "ipv6");

/** Whether a connection stays on this machine. A look-up of its own marks nock's connections, which go nowhere. */
function staysHere(options: NetConnectOpts): boolean {
  if ("path" in options && options.path) return true;
  const { host, lookup } = options as { host?: string; lookup?: unknown };
  if (!host || host === "localhost") return true;
  const family = isIP(host);
  if (family === 0) return lookup !== undefined;
  return LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4");
}

/**
 * Refuses every connection of this process that would leave the machine: fetch, `node:http`, WebSockets, databases and
 * mail all end up here. nock's own guard knows only HTTP, and holds back each request's body until its end.
 */
function refuseOthers(): void {
  const connect = Socket.prototype.connect as (this: Socket, ...given: unknown[]) => Socket;
  Socket.prototype.connect = function (this: Socket & { connecting: boolean }, ...given: unknown[]): Socket {
    // `net.connect` and `tls.connect` hand on what they were given as one list.
    const [first, second] = (Array.isArray(given[0]) ? given[0] : given) as [unknown, unknown];
    const named = typeof second === "string" ? { host: second } : {};
    const options = typeof first === "object" ? (first as NetConnectOpts) : (named as NetConnectOpts);
    if (staysHere(options)) return connect.apply(this, given);
    const { host } = options as { host?: string };
    const text = `no test may reach ${host}, outside this machine: use the simulated GitHub, a server on 127.0.0.1, or nock`;
    // As a connection that fails: its caller goes on with the socket first.
    this.connecting = true;
    process.nextTick(() => this.destroy(Object.assign(new Error(text), { code: "ENETUNREACH" })));
    return this;
  };
}

refuseOthers();
