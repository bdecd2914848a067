import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { appJwt } from "../client-jwt.ts";
import { type GitHub, startGitHub } from "../simulator.ts";

let github: GitHub;
beforeEach(async () => {
  github = await startGitHub();
  github.addRepository("acme/site");
});
afterEach(() => github.close());

function ask(method = "GET", path = "/app", body?: unknown, signal?: AbortSignal) {
  return fetch(github.url + path, {
    method,
    headers: { authorization: `Bearer ${appJwt(github.app, {}, github.clock.now())}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  });
}

describe("a fault", () => {
  test("meets only its route, and only as often as it should", async () => {
    const fault = github.faults.add({ kind: "status", status: 502 }, { route: "GET /app/hook/*", times: 2 });
    expect((await ask()).status).toBe(200);
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask("GET", "/app/hook/config")).status);
    expect(statuses).toEqual([502, 502, 200]);
    expect(fault.hits).toBe(2);
  });

  test("stays until it is cleared", async () => {
    const fault = github.faults.add({ kind: "status", status: 500 });
    expect([(await ask()).status, (await ask()).status]).toEqual([500, 500]);
    fault.clear();
    expect((await ask()).status).toBe(200);
  });

  test("of a route without a method meets every method", async () => {
    github.faults.add({ kind: "status", status: 500 }, { route: "/app/hook/config" });
    expect((await ask("PATCH", "/app/hook/config", {})).status).toBe(500);
    expect((await ask("GET", "/app/hook/config")).status).toBe(500);
  });

  test("reset cuts the connection before anything is done", async () => {
    github.faults.add({ kind: "reset" });
    const before = github.hook.config.url;
    await expect(ask("PATCH", "/app/hook/config", { url: "https://lost.example/" })).rejects.toThrow();
    expect(github.hook.config.url).toBe(before);
  });

  test("lost-answer does what was asked and cuts the connection", async () => {
    github.faults.add({ kind: "lost-answer" }, { times: 1 });
    await expect(ask("PATCH", "/app/hook/config", { url: "https://done.example/" })).rejects.toThrow();
    expect(github.hook.config.url).toBe("https://done.example/");
  });

  test("hang gives no answer until it is cleared", async () => {
    const fault = github.faults.add({ kind: "hang" });
    const answer = ask();
    await github.waitFor(() => fault.hits === 1);
    const late = await Promise.race([
      answer,
      new Promise((resolve) => setImmediate(resolve, "still waiting")),
    ]);
    expect(late).toBe("still waiting");
    fault.clear();
    await expect(answer).rejects.toThrow();
  });

  test("hang ends when the simulated GitHub closes", async () => {
    const fault = github.faults.add({ kind: "hang" });
    const answer = expect(ask()).rejects.toThrow();
    await github.waitFor(() => fault.hits === 1);
    await github.close();
    await answer;
  });

  test("latency delays an answer that is right otherwise", async () => {
    github.faults.add({ kind: "latency", ms: 40 });
    const started = performance.now();
    expect((await ask()).status).toBe(200);
    expect(performance.now() - started).toBeGreaterThanOrEqual(39);
  });

  test("corrupt gives an answer that is no JSON", async () => {
    github.faults.add({ kind: "corrupt" });
    const answer = await ask();
    expect(answer.status).toBe(200);
    await expect(answer.json()).rejects.toThrow(SyntaxError);
  });

  test("rate-limit tells that nothing is left and until when", async () => {
    github.faults.add({ kind: "rate-limit", status: 429, resetInS: 90 });
    const answer = await ask();
    expect(answer.status).toBe(429);
    expect(answer.headers.get("x-ratelimit-remaining")).toBe("0");
    expect(answer.headers.get("retry-after")).toBeNull();
    const wait = Number(answer.headers.get("x-ratelimit-reset")) - Math.floor(github.clock.now() / 1000);
    expect(wait).toBeGreaterThanOrEqual(89);
    expect(wait).toBeLessThanOrEqual(90);
  });

  test("secondary-rate-limit says how long to wait, while the hourly limit is far", async () => {
    github.faults.add({ kind: "secondary-rate-limit", retryAfterS: 7 });
    const answer = await ask();
    expect(answer.status).toBe(403);
    expect(answer.headers.get("retry-after")).toBe("7");
    expect(Number(answer.headers.get("x-ratelimit-remaining"))).toBeGreaterThan(0);
    expect(JSON.parse(await answer.text()).message).toMatch(/secondary rate limit/);
  });
});

describe("the API as a whole", () => {
  test("refuses connections while it is down, and comes back on its port", async () => {
    await github.goDown();
    await expect(ask()).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
    await github.comeBack();
    expect((await ask()).status).toBe(200);
  });

  test("enforces its own hourly limit, and starts anew with the next hour", async () => {
    await github.close();
    github = await startGitHub({ rateLimits: { app: 2 } });
    const left = [];
    for (let i = 0; i < 3; i++) {
      const { status, headers } = await ask();
      left.push([status, headers.get("x-ratelimit-remaining")]);
    }
    expect(left).toEqual([
      [200, "1"],
      [200, "0"],
      [403, "0"],
    ]);
    github.clock.advance(3_601_000);
    expect((await ask()).status).toBe(200);
  });

  test("remembers every request that arrived, with who sent it and what was answered", async () => {
    await ask("PATCH", "/api/v3/app/hook/config", { content_type: "json" });
    await fetch(`${github.url}/app`);
    expect(github.requests).toMatchObject([
      {
        method: "PATCH",
        path: "/app/hook/config",
        auth: "app",
        status: 200,
        body: '{"content_type":"json"}',
      },
      { method: "GET", path: "/app", auth: "none", status: 401, body: null },
    ]);
  });

  test("answers unknown routes with 404 and bad JSON with 400, in GitHub's format", async () => {
    const unknown = await ask("GET", "/nowhere");
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({
      message: "Not Found",
      documentation_url: expect.any(String),
    });
    const bad = await fetch(`${github.url}/app/hook/config`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${appJwt(github.app)}` },
      body: "{",
    });
    expect([bad.status, JSON.parse(await bad.text()).message]).toEqual([400, "Problems parsing JSON"]);
  });

  test("tells a wait that was in vain how things stand", async () => {
    await ask();
    await expect(github.waitFor(() => false, 10)).rejects.toThrow(/within 10 ms.*GET \/app 200/s);
  });

  test("ends every wait when it closes", async () => {
    const wait = expect(github.waitFor(() => false)).rejects.toThrow(/closed/);
    await github.close();
    await wait;
  });
});
