import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import {
  type Challenge,
  type Hello,
  newNonce,
  PEER_PROTOCOL,
  peerKey,
  prove,
} from "../../../app/failover/peer-handshake.ts";
import { PEER_PATH, PeerLinks } from "../../../app/failover/peer-links.ts";
import { eventually } from "../../helpers/eventually.ts";
import { freePorts } from "../../helpers/free-ports.ts";

const KEY = peerKey("the private key of the App");

interface Side {
  links: PeerLinks;
  heard: string[];
  log: string[];
  leaving: boolean;
  server: Server;
  stop: () => Promise<void>;
}

/** One instance's end of the links, listening on `port`, with the other instance at `peerPort`. */
async function side(
  name: string,
  port: number,
  peer: { name: string; port: number },
  key = KEY,
): Promise<Side> {
  const server = createServer();
  const state: Side = {
    heard: [],
    log: [],
    leaving: false,
    server,
    links: new PeerLinks({
      name,
      key,
      peers: [{ name: peer.name, address: `ws://127.0.0.1:${peer.port}` }],
      beat: () => ({ leaving: state.leaving, sees: { [name]: "healthy" }, github: "unknown" }),
      events: {
        onDied: (who) => state.heard.push(`${who} died`),
        onBeat: (who, { leaving, sees }) =>
          state.heard.push(`${who} ${leaving ? "is leaving" : "beats"}, sees ${JSON.stringify(sees)}`),
        onLost: (who) => state.heard.push(`${who} lost`),
      },
      log: pino({ level: "info" }, { write: (line) => state.log.push(JSON.parse(line).msg) }),
    }),
    // As the kernel ends a process: nobody listens any more, and all connections are cut.
    stop: async () => {
      state.links.close();
      server.closeAllConnections();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  state.links.start(server);
  onTestFinished(state.stop);
  return state;
}

async function twins() {
  const [a, b] = (await freePorts(2)) as [number, number];
  const startA = (key?: Buffer) => side("primary", a, { name: "backup", port: b }, key);
  const startB = (key?: Buffer) => side("backup", b, { name: "primary", port: a }, key);
  return { startA, startB };
}

const BEATS = 'beats, sees {"backup":"healthy"}';

describe("instances", () => {
  it("hear each other's heartbeats, with the health that the other sees", async () => {
    const { startA, startB } = await twins();
    const [a, b] = [await startA(), await startB()];
    await eventually(() => expect(a.heard).toContain(`backup ${BEATS}`));
    await eventually(() => expect(b.heard).toContain('primary beats, sees {"primary":"healthy"}'));
    await eventually(() => expect(a.links.connected).toEqual(["backup"]));
  });

  it("know of a death at once, by the closed socket and the refused connection, and only once", async () => {
    const { startA, startB } = await twins();
    const [a, b] = [await startA(), await startB()];
    await eventually(() => expect(a.links.connected).toEqual(["backup"]));
    await b.stop();
    await eventually(() => expect(a.heard).toContain("backup died"));
    await startB();
    await eventually(() => expect(a.heard.at(-1)).toBe(`backup ${BEATS}`));
    expect(a.heard.filter((what) => what === "backup died")).toHaveLength(1);
  });

  it("do not take one for dead that was never up, and find it when it comes", async () => {
    const { startA, startB } = await twins();
    const a = await startA();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(a.heard).toEqual([]);
    await startB();
    await eventually(() => expect(a.heard).toContain(`backup ${BEATS}`));
    expect(a.heard).not.toContain("backup died");
  });

  it("find each other again after a restart", async () => {
    const { startA, startB } = await twins();
    const [a, b] = [await startA(), await startB()];
    await eventually(() => expect(a.links.connected).toEqual(["backup"]));
    await b.stop();
    await eventually(() => expect(a.heard).toContain("backup died"));
    a.heard.length = 0;
    const again = await startB();
    await eventually(() => expect(a.heard).toContain(`backup ${BEATS}`));
    await eventually(() => expect(again.links.connected).toEqual(["primary"]));
  });

  it("say at once that they leave", async () => {
    const { startA, startB } = await twins();
    const [a, b] = [await startA(), await startB()];
    await eventually(() => expect(b.links.connected).toEqual(["primary"]));
    b.leaving = true;
    b.links.beatNow();
    await eventually(() => expect(a.heard.at(-1)).toContain("backup is leaving"));
  });

  it("with another private key stay strangers, which is said once, and are not taken for dead", async () => {
    const { startA, startB } = await twins();
    const [a, b] = [await startA(), await startB(peerKey("another App's key"))];
    await eventually(() => expect(a.log).toHaveLength(1));
    expect(a.log[0]).toContain("fails the handshake");
    await b.stop();
    await startB();
    await eventually(() => expect(a.heard).toContain(`backup ${BEATS}`));
    expect(a.heard).not.toContain("backup died");
    expect(a.log).toHaveLength(1);
  });
});

describe("a caller", () => {
  /** A stranger's connection to an instance named `primary`, whose peer `backup` is away. */
  async function call() {
    const [port, away] = (await freePorts(2)) as [number, number];
    const called = await side("primary", port, { name: "backup", port: away });
    const dial = async () => {
      const link = new WebSocket(`ws://127.0.0.1:${port}${PEER_PATH}`);
      link.on("error", () => {});
      await once(link, "open");
      return link;
    };
    return { called, dial };
  }
  const helloOf = (changes: object = {}): Hello => ({
    type: "hello",
    version: PEER_PROTOCOL,
    from: "backup",
    to: "primary",
    nonce: newNonce(),
    ...changes,
  });
  const send = (link: WebSocket, message: unknown) => link.send(JSON.stringify(message));
  const next = async <T>(link: WebSocket) =>
    JSON.parse(String(((await once(link, "message")) as [RawData])[0])) as T;
  const closed = (link: WebSocket) =>
    link.readyState === WebSocket.CLOSED ? Promise.resolve() : once(link, "close");

  it("that proves itself is heard", async () => {
    const { called, dial } = await call();
    const link = await dial();
    const hello = helloOf();
    send(link, hello);
    const challenge = await next<Challenge>(link);
    expect(challenge.proof).toBe(prove(KEY, "called", hello, challenge.nonce));
    send(link, { type: "proof", proof: prove(KEY, "caller", hello, challenge.nonce) });
    send(link, { type: "beat", leaving: false, sees: {} });
    await eventually(() => expect(called.heard).toEqual(["backup beats, sees {}"]));
    link.terminate();
  });

  it("that replays the proof of another conversation is cut off", async () => {
    const { called, dial } = await call();
    const hello = helloOf();
    const first = await dial();
    send(first, hello);
    const recorded = prove(KEY, "caller", hello, (await next<Challenge>(first)).nonce);
    first.terminate();
    const link = await dial();
    send(link, hello);
    await next(link);
    send(link, { type: "proof", proof: recorded });
    await closed(link);
    expect(called.heard).toEqual([]);
  });

  it("that sends the called one's own proof back is cut off", async () => {
    const { dial } = await call();
    const link = await dial();
    send(link, helloOf());
    const { proof } = await next<Challenge>(link);
    send(link, { type: "proof", proof });
    await closed(link);
  });

  it.each<[string, unknown]>([
    ["asks for another instance", helloOf({ to: "backup" })],
    ["has the name of none", helloOf({ from: "stranger" })],
    ["speaks another version of the protocol", helloOf({ version: PEER_PROTOCOL + 1 })],
    ["beats without having proven itself", { type: "beat", leaving: true, sees: {} }],
    ["begins with a proof", { type: "proof", proof: "x" }],
    ["sends JSON that is no message", null],
    ["sends more than any peer would", { ...helloOf(), padding: "x".repeat(20_000) }],
  ])("that %s is cut off", async (_, message) => {
    const { called, dial } = await call();
    const link = await dial();
    send(link, message);
    await closed(link);
    expect(called.heard).toEqual([]);
  });

  it("that sends garbage is cut off", async () => {
    const { dial } = await call();
    const link = await dial();
    link.send(Buffer.from([0xff, 0x00, 0x7b]));
    await closed(link);
  });

  it("that says nothing is cut off after a while", async () => {
    const { dial } = await call();
    await closed(await dial());
  });

  it("of another path is turned away", async () => {
    const { called } = await call();
    const { port } = called.server.address() as AddressInfo;
    const link = new WebSocket(`ws://127.0.0.1:${port}/live`);
    await expect(once(link, "open")).rejects.toThrow();
  });
});

it("a called one that cannot prove itself hears nothing from an instance", async () => {
  const [port, impostorPort] = (await freePorts(2)) as [number, number];
  const impostor = new WebSocketServer({ port: impostorPort, host: "127.0.0.1" });
  onTestFinished(() => void impostor.close());
  const heard: string[] = [];
  impostor.on("connection", (link) => {
    link.on("message", (data) => {
      heard.push((JSON.parse(String(data)) as { type: string }).type);
      link.send(JSON.stringify({ type: "challenge", nonce: newNonce(), proof: "made up" }));
      link.send(JSON.stringify({ type: "beat", leaving: true, sees: {} }));
    });
  });
  const caller = await side("primary", port, { name: "backup", port: impostorPort });
  await eventually(() => expect(caller.log).toHaveLength(1));
  // Once more than once, in case it was only starting.
  expect(heard).toEqual(["hello", "hello"]);
  expect(caller.heard).toEqual([]);
});
