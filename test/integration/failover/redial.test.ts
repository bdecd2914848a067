import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { setImmediate as nextRound } from "node:timers/promises";
import { pino } from "pino";
import { expect, it, onTestFinished, vi } from "vitest";
import { peerKey } from "../../../app/failover/peer-handshake.ts";
import { PeerLinks } from "../../../app/failover/peer-links.ts";
import { freePorts } from "../../helpers/free-ports.ts";

/** The links of an instance that listens on `port` to a peer at `peerPort`. */
async function side(name: string, port: number, peer: { name: string; port: number }) {
  const server = createHttpServer();
  const links = new PeerLinks({
    name,
    key: peerKey("the private key of the App"),
    peers: [{ name: peer.name, address: `ws://127.0.0.1:${peer.port}` }],
    beat: () => ({ leaving: false, sees: {}, github: "unknown" }),
    events: { onDied: () => {}, onBeat: () => {}, onLost: () => {} },
    log: pino({ level: "silent" }),
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  links.start(server);
  onTestFinished(() => {
    links.close();
    server.closeAllConnections();
    server.close();
  });
  return links;
}

it("a peer that is down is called less and less often", async () => {
  const [port, peerPort] = (await freePorts(2)) as [number, number];
  const calls: number[] = [];
  const enough = Promise.withResolvers<void>();
  const deaf = createServer((socket) => {
    socket.destroy();
    if (calls.push(performance.now()) === 5) enough.resolve();
  });
  deaf.listen(peerPort, "127.0.0.1");
  await once(deaf, "listening");
  onTestFinished(() => void deaf.close());
  await side("primary", port, { name: "backup", port: peerPort });
  await enough.promise;
  // Without a longer pause each time, five calls take 0.8 s.
  expect((calls.at(-1) as number) - (calls[0] as number)).toBeGreaterThan(1_800);
});

it("a peer that comes back is called at once", async () => {
  const [a, b] = (await freePorts(2)) as [number, number];
  // No pause before a call ever ends, so only the peer's own call can bring one about.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const primary = await side("primary", a, { name: "backup", port: b });
  // The call was refused once its time limit is gone, and the pause is there.
  while (vi.getTimerCount() !== 1) await nextRound();
  await side("backup", b, { name: "primary", port: a });
  while (primary.connected.length === 0) await nextRound();
  expect(primary.connected).toEqual(["backup"]);
});
