import { html } from "hono/html";
import { expect, test } from "vitest";
import { ASSETS_PATH, assetRoutes } from "../../../app/pages/assets.ts";
import { page } from "../../../app/pages/layout.ts";

const assets = assetRoutes();

/** Every address that a text of this type names. */
function addressesIn(text: string): string[] {
  return [...text.matchAll(/(?:href|src)="(\/assets\/[^"]+)"| from "([^"]+)";/g)].map(
    ([, a, b]) => a ?? b ?? "",
  );
}

test("everything that a page loads is there, also what its modules import, as JavaScript without types", async () => {
  const shell = await page({
    title: "T",
    viewer: null,
    csrfToken: null,
    body: html``,
    scripts: ["live-page"],
  });
  const seen = new Set<string>();
  const todo = addressesIn(String(shell));
  expect(todo.length).toBeGreaterThan(2);
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const answer = await assets.request(next.slice(ASSETS_PATH.length));
    expect([next, answer.status]).toEqual([next, 200]);
    const text = await answer.text();
    if (!next.endsWith(".ts")) continue;
    expect(answer.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(text).not.toMatch(/^(import type|interface|export interface|type) /m);
    for (const name of addressesIn(text)) todo.push(new URL(name, `http://x${next}`).pathname);
  }
});

test("a browser that has an asset already is told that it is still the current one", async () => {
  const first = await assets.request("/style.css");
  const etag = first.headers.get("etag") ?? "";
  expect(first.headers.get("cache-control")).toBe("no-cache");
  const again = await assets.request("/style.css", { headers: { "if-none-match": etag } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  expect((await assets.request("/style.css", { headers: { "if-none-match": '"other"' } })).status).toBe(200);
});

test("nothing else of the room is served", async () => {
  for (const path of ["/layout.ts", "/client/tsconfig.json", "/client/../layout.ts", "/..%2flayout.ts"])
    expect([path, (await assets.request(path)).status]).toEqual([path, 404]);
});
