import { Hono } from "hono";
import { expect, test, vi } from "vitest";
import { lazyRoutes } from "../../../app/http/lazy-routes.ts";
import { HttpProblem } from "../../../app/http/problem.ts";

function site() {
  const pages = new Hono<{ Bindings: { socket: string } }>();
  pages.post("/echo/:name", async (c) =>
    c.text(`${c.req.param("name")} ${await c.req.text()} ${c.env.socket}`),
  );
  pages.get("/refused", () => {
    throw new HttpProblem(403, "not for you");
  });
  const load = vi.fn(async () => [["/pages", pages as unknown as Hono]] as const);
  const app = new Hono();
  app.get("/first", (c) => c.text("first"));
  app.route("/", lazyRoutes(load));
  app.onError((error, c) => c.text(error.message, (error as HttpProblem).status as 404));
  const ask = (path: string, init?: RequestInit) => app.request(path, init, { socket: "the connection" });
  return { load, ask };
}

test("routes are loaded by the first request that needs them, and once", async () => {
  const { load, ask } = site();
  expect(await (await ask("/first")).text()).toBe("first");
  expect(load).not.toHaveBeenCalled();
  await Promise.all([ask("/pages/refused"), ask("/pages/refused"), ask("/nowhere")]);
  expect(load).toHaveBeenCalledOnce();
});

test("they are given the whole request, and the connection that it came by", async () => {
  const answer = await site().ask("/pages/echo/a?b", { method: "POST", body: "text" });
  expect(await answer.text()).toBe("a text the connection");
});

test("what they refuse is answered as everything else is", async () => {
  const answer = await site().ask("/pages/refused");
  expect([answer.status, await answer.text()]).toEqual([403, "not for you"]);
});

test("so is an address that nobody knows", async () => {
  const answer = await site().ask("/pages/nowhere");
  expect([answer.status, await answer.text()]).toEqual([404, "there is nothing at this address"]);
});
