import { once } from "node:events";
import { connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../../helpers/free-ports.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { startGitHub } from "../../simulator/simulator.ts";

async function setScene() {
  const github = await startGitHub();
  onTestFinished(() => github.close());
  const listen = `127.0.0.1:${await freePort()}`;
  const door = `http://${listen}`;
  const host = await TestHost.create({ github, config: { door: { listen, url: door } } });
  onTestFinished(() => host.close());
  return { host, own: host.url("primary"), door };
}

/** Another program that listens where an instance wants to. */
async function occupy(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const server = createServer().listen(Number(port), hostname);
  onTestFinished(() => void server.close());
  await once(server, "listening");
}

/** Whether something listens there. */
async function isOpen(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

// The supervisor stops the next instance once this one answers, and with it the last door that was open.
test("an instance is not found at its own address before its door is open", async () => {
  const { host, own, door } = await setScene();
  await occupy(door);
  await expect(host.startInProcess("primary")).rejects.toThrow("another program listens at");
  expect(await isOpen(own)).toBe(false);
});

test("an instance that cannot listen at its own address closes the door again", async () => {
  const { host, own, door } = await setScene();
  await occupy(own);
  await expect(host.startInProcess("primary")).rejects.toThrow("another program listens at");
  expect(await isOpen(door)).toBe(false);
});
