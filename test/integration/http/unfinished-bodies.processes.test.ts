import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { BodyReader } from "../../../app/http/body-reader.ts";
import { WEBHOOK_PATH } from "../../../shared/deployment-request.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { awayGitHub } from "../../helpers/away-github.ts";
import { TestHost } from "../../helpers/test-host.ts";
import { workflowRunPayload } from "../../simulator/workflow-run-payload.ts";

const MIB = 1024 * 1024;
const MAX_BYTES = 4_000;

/** A server that reads bodies with this reader, and answers with what became of each. */
async function serve(bodies: BodyReader) {
  const held: (() => void)[] = [];
  const server = createServer((request: IncomingMessage, response) => {
    bodies.read(request, MAX_BYTES).then(
      ({ bytes, release }) => {
        held.push(release);
        response.end(`${bytes.length} ${bytes.toString().slice(0, 10)}`);
      },
      ({ status, message }) => {
        response.writeHead(status).end(message);
        response.once("finish", () => request.destroy());
      },
    );
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  atTestEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, held };
}

/** A request of which only so much of the body is sent as is written. */
function send(port: number, headers: string, path = "/") {
  const socket = connect(port, "127.0.0.1");
  atTestEnd(() => socket.destroy());
  socket.on("error", () => {});
  let answer = "";
  socket.on("data", (text) => {
    answer += text;
  });
  socket.write(`POST ${path} HTTP/1.1\r\nhost: test\r\n${headers}\r\n\r\n`);
  return { socket, answer: () => answer };
}
const answered = (sent: { answer: () => string }, status: number) =>
  expect.poll(sent.answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));

describe("what bodies hold that nobody has proven to have sent", () => {
  it("is bounded: who has been silent longest makes room for who sends", async () => {
    const bodies = new BodyReader({ totalBytes: 11_000 });
    const { port } = await serve(bodies);
    const silent = [];
    for (let count = 0; count < 3; count++) {
      const sent = send(port, "content-length: 3500");
      sent.socket.write("x".repeat(3_000));
      silent.push(sent);
      await expect.poll(() => bodies.heldBytes).toBeGreaterThanOrEqual(3_000 * (count + 1));
    }
    const whole = send(port, "content-length: 3000");
    whole.socket.write("y".repeat(3_000));
    await answered(whole, 200);
    await answered(silent[0] as (typeof silent)[0], 503);
    expect(bodies.heldBytes).toBeLessThanOrEqual(11_000);
    // The others may still go on.
    silent[2]?.socket.write("x".repeat(500));
    await answered(silent[2] as (typeof silent)[0], 200);
  });

  it("is held until its sender is proven or refused, and no longer", async () => {
    const bodies = new BodyReader({ totalBytes: 10_000 });
    const { port, held } = await serve(bodies);
    for (let count = 0; count < 3; count++) {
      const sent = send(port, "content-length: 3000");
      sent.socket.write("x".repeat(3_000));
      await answered(sent, 200);
    }
    const late = send(port, "content-length: 3000");
    late.socket.write("x".repeat(3_000));
    await answered(late, 503);
    for (const release of [...held, ...held]) release();
    expect(bodies.heldBytes).toBe(0);
  });

  it("is the body itself, however small the pieces are that it comes in", async () => {
    const bodies = new BodyReader();
    const { port, held } = await serve(bodies);
    const sent = send(port, "transfer-encoding: chunked");
    sent.socket.write(`${"1\r\na\r\n".repeat(3_999)}0\r\n\r\n`);
    await answered(sent, 200);
    expect(sent.answer()).toContain("3999 aaaaaaaaaa");
    expect(bodies.heldBytes).toBeLessThanOrEqual(MAX_BYTES);
    held[0]?.();
    expect(bodies.heldBytes).toBe(0);
  });

  it("is let go when it takes too long, and when its sender goes away", async () => {
    const bodies = new BodyReader({ limitMs: 200 });
    const { port } = await serve(bodies);
    const slow = send(port, "content-length: 3000");
    slow.socket.write("x");
    await answered(slow, 408);
    const gone = send(port, "content-length: 3000");
    gone.socket.write("x");
    gone.socket.destroy();
    await expect.poll(() => bodies.heldBytes).toBe(0);
  });
});

describe("an instance to which strangers send bodies that never end", () => {
  vi.setConfig({ testTimeout: 120_000 });
  let host: TestHost;
  afterEach(() => host.close());

  const residentBytes = (pid: number) =>
    Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;

  /** Sends a body but its last byte. Resolves when all is sent, or the instance has cut it off. */
  async function sendAlmost(path: string, bytes: number): Promise<Socket> {
    const { port } = new URL(host.url("primary"));
    const signature = `x-hub-signature-256: sha256=${"0".repeat(64)}`;
    const type = "content-type: application/json";
    const { socket } = send(Number(port), `${signature}\r\n${type}\r\ncontent-length: ${bytes + 1}`, path);
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.write("x".repeat(bytes), () => resolve());
    });
    return socket;
  }

  it.each([
    ["large ones to the webhook", WEBHOOK_PATH, 40, 24 * MIB],
    ["many small ones to the API", "/api/deployments", 1_500, 60 * 1024],
  ])("holds no more of them than 64 MiB: %s", async (_, path, count, bytes) => {
    host = await TestHost.create({ github: awayGitHub(), instances: ["primary"] });
    const { pid } = await host.start("primary");
    const before = residentBytes(pid);
    const sockets = await Promise.all(Array.from({ length: count }, () => sendAlmost(path, bytes)));
    const cut = () => sockets.filter((socket) => socket.closed || socket.readableEnded).length;
    await expect.poll(cut).toBeGreaterThanOrEqual(count - Math.floor((64 * MIB) / bytes));
    // 960 MiB were sent, or 88; four times what may be held leaves room for what is not collected yet.
    expect(residentBytes(pid) - before).toBeLessThan(4 * 64 * MIB);
    expect((await host.sendEvent("primary", workflowRunPayload({ runId: 1 }))).status).toBe(202);
  });
});
