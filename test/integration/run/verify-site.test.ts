import dns from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished, test, vi } from "vitest";
import { describeAlert } from "../../../app/alerts/describe.ts";
import type { Noted } from "../../../app/alerts/words/writers.ts";
import { systemClock } from "../../../app/clock.ts";
import { cancel } from "../../../app/queue/cancel.ts";
import { type Verify, verifySite } from "../../../app/run/verify-site.ts";
import type { Store } from "../../../app/store/store.ts";
import { runCommand } from "../../helpers/run-command.ts";
import { SleepersClock } from "../../helpers/sleepers-clock.ts";
import { stableSha } from "../../simulator/stable-values.ts";

const SHA = "0123456789abcdef0123456789abcdef01234567";

/** The URL of a site that answers like this. */
async function site(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Asks once, and gives the answer in words; null where the site shows the deployment. */
function askOnce(verify: Partial<Verify> & { url: string }): Promise<string | null> {
  return verifySite({
    verify: { status: 200, body: null, within: 0, interval: 1000, ...verify },
    deployment: { sha: SHA, run_id: 42 },
    clock: systemClock,
    signal: new AbortController().signal,
    onAnswer: () => {},
  });
}

test.each([
  ["the commit", "{sha}", `version ${SHA}`],
  ["the beginning of the commit", "at {short_sha}!", "at 0123456!"],
  ["the run", "run {run_id}", "run 42"],
  ["a text with other braces", '{"sha":"{sha}"}', `{"sha":"${SHA}"}`],
])("a site that shows %s is verified", async (_, body, shown) => {
  const url = await site((_request, response) => response.end(`<p>${shown}</p>`));
  expect(await askOnce({ url, body })).toBeNull();
});

it("names the answer that is not the wanted one", async () => {
  const url = await site((request, response) => {
    response.statusCode = request.url === "/down" ? 503 : 200;
    response.end("an older version");
  });
  expect(await askOnce({ url, body: "{short_sha}" })).toBe('200 without "0123456"');
  expect(await askOnce({ url: `${url}down` })).toBe("503");
  expect(await askOnce({ url: `${url}down`, status: 503 })).toBeNull();
});

it("names the cause where there is no answer", async () => {
  const url = await site((request) => request.socket.destroy());
  expect(await askOnce({ url })).toBe("nothing (ECONNRESET)");
  expect(await askOnce({ url: "http://127.0.0.1:1/" })).toBe("nothing (ECONNREFUSED)");
});

it("follows redirects on the same host and port alone", async () => {
  const elsewhere = await site((_request, response) => response.end(SHA));
  const url = await site((request, response) => {
    const targets: Record<string, string> = { "/": "/next", "/out": elsewhere, "/loop": "/loop" };
    const location = targets[request.url ?? ""];
    if (location !== undefined) response.writeHead(302, { location });
    response.end(location === undefined ? SHA : "");
  });
  expect(await askOnce({ url, body: "{sha}" })).toBeNull();
  expect(await askOnce({ url: `${url}out` })).toBe(
    "302, a redirect to another host or port, which is not followed",
  );
  expect(await askOnce({ url: `${url}loop` })).toBe("with more than 5 redirects");
  expect(await askOnce({ url: `${url}out`, status: 302 })).toBeNull();
});

it("does not ask a name that has a link-local address", async () => {
  const found = [{ address: "169.254.169.254", family: 4 }];
  const lookup = vi.spyOn(dns, "lookup");
  onTestFinished(() => lookup.mockRestore());
  lookup.mockImplementation(((_host: string, _options: object, callback: (...answer: unknown[]) => void) =>
    callback(null, found)) as unknown as typeof dns.lookup);
  expect(await askOnce({ url: "http://metadata.example/" })).toBe(
    "nothing (metadata.example has the link-local address 169.254.169.254)",
  );
});

it("asks at every interval until `within` is over, and tells each new answer once", async () => {
  let asked = 0;
  const url = await site((_request, response) => {
    asked += 1;
    response.writeHead(asked < 3 ? 502 : 500).end();
  });
  const clock = new SleepersClock();
  const said: string[] = [];
  const result = verifySite({
    verify: { url, status: 200, body: null, within: 5000, interval: 2000 },
    deployment: { sha: SHA, run_id: null },
    clock,
    signal: new AbortController().signal,
    onAnswer: (answer) => said.push(answer),
  });
  for (const pause of [2000, 2000, 1000]) {
    expect(await clock.asleep()).toBe(pause);
    clock.advance(pause);
  }
  expect(await result).toBe("500");
  expect(asked).toBe(4);
  expect(said).toEqual(["502", "500"]);
});

it("a deployment has succeeded only once the site shows its commit", async () => {
  let store: Store | undefined;
  const statuses: (string | undefined)[] = [];
  const url = await site(async (_request, response) => {
    const row = await store?.read.selectFrom("deployments").select("status").executeTakeFirst();
    statuses.push(row?.status);
    response.end(statuses.length < 3 ? "an older version" : `at ${stableSha("1").slice(0, 7)}`);
  });
  const { row, log } = await runCommand("echo done", {
    target: { verify: { url, body: "at {short_sha}", within: "10m", interval: "100ms" } },
    begun: (opened) => {
      store = opened;
    },
  });
  expect(row).toMatchObject({ status: "succeeded", exit_code: 0, reason: null });
  expect(statuses).toEqual(["running", "running", "running"]);
  expect(log).toBe(
    [
      "done",
      `[twinhook] the command ended with 0; asking ${url} for up to 600 s`,
      `[twinhook] ${url} answered 200 without "at ${row.sha.slice(0, 7)}"; asking again`,
      `[twinhook] verified: ${url} answered as expected`,
      "",
    ].join("\n"),
  );
});

it("a deployment whose site never shows its commit has failed, with the URL and its answer", async () => {
  const url = await site((_request, response) => response.writeHead(503).end());
  let store: Store | undefined;
  const { row, log } = await runCommand("true", {
    target: { verify: { url, within: "1ms" } },
    begun: (opened) => {
      store = opened;
    },
  });
  const reason = `the command ended with 0, but ${url} answered 503`;
  expect(row).toMatchObject({
    status: "failed",
    exit_code: 0,
    reason,
    verify_url: url,
    verify_answer: "503",
  });
  expect(log).toContain(`[twinhook] ${reason}\n`);

  // Its alert leads to the target's page, which offers the rollback.
  const alert = await store?.read.selectFrom("alerts").selectAll().executeTakeFirstOrThrow();
  const wording = {
    store: store as Store,
    homeUrl: "https://x.example/",
    pageUrl: (id: string) => `https://x.example/${id}`,
  };
  expect(await describeAlert({ ...alert, id: "1" } as Noted, wording)).toMatchObject({
    kind: "deployment_failed",
    remedy: expect.stringMatching(/^Roll back .*https:\/\/x\.example\/dep_/),
    url: "https://x.example/targets/acme/site/production",
  });
});

it("a command that failed is not followed by a question to the site", async () => {
  let asked = 0;
  const url = await site((_request, response) => {
    asked += 1;
    response.end();
  });
  const { row } = await runCommand("exit 3", { target: { verify: { url } } });
  expect(row).toMatchObject({ status: "failed", exit_code: 3, reason: "the command exited with code 3" });
  expect(asked).toBe(0);
});

it("a cancellation ends the verification, and leaves the command's background processes alone", async () => {
  const asked = Promise.withResolvers<void>();
  const url = await site((_request, response) => {
    response.writeHead(503).end();
    asked.resolve();
  });
  const { row, log } = await runCommand("sleep 600 & echo $!", {
    target: { verify: { url, within: "1h", interval: "30m" } },
    begun: (store, id) => void asked.promise.then(() => cancel(store, id)),
  });
  const left = Number.parseInt(log, 10);
  onTestFinished(() => void process.kill(left));
  expect(row).toMatchObject({ status: "cancelled", reason: "cancelled while it ran" });
  expect(process.kill(left, 0)).toBe(true);
});
