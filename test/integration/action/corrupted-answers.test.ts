import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ActionResult, runAction } from "../../helpers/action/run-action.ts";
import { BY_INSTANCE, deploymentFor, TEST_SECRET } from "../../helpers/action/scripted-endpoint.ts";
import { REQUEST } from "../../helpers/action/step-report.ts";
import { PATIENCE_MS } from "../../helpers/patience.ts";
import { startGitHub } from "../../simulator/simulator.ts";

/** What happens to the bytes of one answer: status line, headers and body alike. Places are shares of its length. */
type Corruption =
  | { kind: "change" | "insert"; at: number; byte: number }
  | { kind: "remove" | "repeat"; at: number; length: number }
  | { kind: "cut"; at: number; thenHang: boolean };

const place = fc.double({ min: 0, max: 0.999, noNaN: true });
const byte = fc.integer({ min: 0, max: 255 });
const length = fc.integer({ min: 1, max: 40 });
const corruption: fc.Arbitrary<Corruption> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("change" as const), at: place, byte }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("insert" as const), at: place, byte }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("remove", "repeat"), at: place, length }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("cut" as const),
      at: place,
      thenHang: fc.nat(3).map((n) => n === 0),
    }),
  },
);

/** Each step meets so many corrupted answers, one after the other, before it gets right ones. */
const PER_STEP = 12;
/** So many steps run at the same time. */
const STEPS = 4;
const WANTED = 500;

function corrupted(answer: Buffer, { at, ...what }: Corruption): Buffer {
  const index = Math.floor(answer.length * at);
  const [before, after] = [answer.subarray(0, index), answer.subarray(index)];
  switch (what.kind) {
    case "change":
      return Buffer.concat([before, Buffer.of(what.byte), after.subarray(1)]);
    case "insert":
      return Buffer.concat([before, Buffer.of(what.byte), after]);
    case "remove":
      return Buffer.concat([before, after.subarray(what.length)]);
    case "repeat":
      return Buffer.concat([before, after.subarray(0, what.length), after]);
    case "cut":
      return before;
  }
}

/** What an instance answers, byte by byte. It sends back what it was sent, the proof included. */
function rightAnswer(request: string, status: "queued" | "running"): Buffer {
  const proof = /^(?:authorization|webhook-signature): (.*)$/im.exec(request)?.[1] ?? "";
  const reason = `you sent ${proof}, and the secret is ${TEST_SECRET}`;
  const body = JSON.stringify(deploymentFor(REQUEST, { status, reason, log_tail: reason }));
  const head = [
    request.startsWith("POST") ? "HTTP/1.1 202 Accepted" : "HTTP/1.1 200 OK",
    "Content-Type: application/json",
    ...Object.entries(BY_INSTANCE).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Date: ${new Date().toUTCString()}`,
    "Connection: close",
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** A server that corrupts its answers by the list, which several servers may use up together. */
async function corruptingServer(
  list: Corruption[],
  count: () => void,
): Promise<{ server: Server; url: string }> {
  const server = createServer((socket: Socket) => {
    let received = "";
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      const [head = "", body] = received.split("\r\n\r\n");
      const expected = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      if (body === undefined || body.length < expected) return;
      const next = list.shift();
      const answer = rightAnswer(head, next ? "queued" : "running");
      if (next) count();
      const bytes = next ? corrupted(answer, next) : answer;
      if (next?.kind === "cut" && next.thenHang) socket.write(bytes);
      else socket.end(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

// Every step is a process of its own that runs the bundle, and meets up to a dozen corrupted answers.
test("500 corruptions of answers bring no crash, no hang, no false confirmation, and no secret to light", async () => {
  const github = await startGitHub();
  github.addRepository("acme/site");
  let met = 0;
  const run = async (list: Corruption[], byToken: boolean): Promise<ActionResult> => {
    const left = [...list];
    const servers = await Promise.all([0, 1].map(() => corruptingServer(left, () => met++)));
    try {
      return await runAction(
        {
          endpoints: servers.map(({ url }) => url).join("\n"),
          environment: "production",
          "request-timeout": "300ms",
          "base-delay": "10ms",
          "max-delay": "10ms",
          "max-attempts": "7",
          timeout: "2s",
          ...(!byToken && { secret: TEST_SECRET }),
        },
        byToken ? github.jobEnvironment() : {},
      );
    } finally {
      for (const { server } of servers) server.close();
    }
  };
  const property = fc.asyncProperty(
    fc.array(fc.array(corruption, { minLength: PER_STEP, maxLength: PER_STEP }), {
      minLength: STEPS,
      maxLength: STEPS,
    }),
    async (lists) => {
      const ended = await Promise.all(lists.map((list, index) => run(list, index % 2 === 0)));
      for (const step of ended) expectSound(step);
    },
  );
  // A step that is refused for good, or out of time, meets fewer than it could.
  while (met < WANTED) await fc.assert(property, { numRuns: 4 });
  await github.close();
});

function expectSound({ exitCode, outputs, stdout, stderr, summary, tookMs }: ActionResult): void {
  expect(stderr).toBe("");
  expect([0, 1]).toContain(exitCode);
  expect(outputs.verified).toBe(String(exitCode === 0));
  expect(summary).toMatch(/\*\*Delivered:\*\*[\s\S]*\*\*Confirmed:\*\*/);
  expect(summary).not.toContain("failed unexpectedly");
  // Far beyond the step's own limit of 8 s: only a hang lasts so long.
  expect(tookMs).toBeLessThan(PATIENCE_MS);
  const secrets = [...stdout.matchAll(/^::add-mask::(.+)$/gm)].map(([, secret = ""]) => secret);
  expect(secrets.length).toBeGreaterThan(0);
  const told = [stdout.replaceAll(/^::add-mask::.*$/gm, ""), summary, JSON.stringify(outputs)].join("\n");
  for (const secret of secrets) expect(told).not.toContain(secret);
}
