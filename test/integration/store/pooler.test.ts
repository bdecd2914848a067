import { createServer } from "node:net";
import { expect, it } from "vitest";
import { systemClock } from "../../../app/clock.ts";
import { openStore } from "../../../app/store/open-store.ts";
import { atTestEnd } from "../../helpers/at-test-end.ts";
import { freePort } from "../../helpers/free-ports.ts";
import { newDatabaseUrl } from "../../helpers/stores.ts";
import { setScene } from "../cli/scene.ts";

/** A server that refuses every connection with the words of PgBouncer 1.18. */
async function startRefusingPooler(): Promise<string> {
  const fields = ["SFATAL", "C08P01", "Munsupported startup parameter: statement_timeout"];
  const content = Buffer.from(`${fields.join("\0")}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(content.length + 4, 1);
  const server = createServer((socket) => {
    socket.on("error", () => {}).once("data", () => socket.end(Buffer.concat([head, content])));
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  atTestEnd(() => void server.close());
  return `postgres://app:not-for-show@127.0.0.1:${port}/twinhook`;
}

const open = (url: string) => openStore({ engine: "postgres", url }, { clock: systemClock });

it("a connection whose time limits were dropped on the way is refused as that of a pooler", async () => {
  const url = new URL((await newDatabaseUrl("postgres")) as string);
  url.searchParams.set("lock_timeout", "0");
  await expect(open(String(url))).rejects.toMatchObject({
    reason: "pooled",
    message: expect.stringContaining("lock_timeout is 0 ms and not 4000 ms"),
  });
});

it("a pooler that refuses our settings is named as the cause, and not waited for", async () => {
  const url = await startRefusingPooler();
  await expect(open(url)).rejects.toMatchObject({
    reason: "pooled",
    message: expect.stringContaining("name PostgreSQL's own address"),
  });
});

it("`twinhook check` refuses the address of a pooler", async () => {
  const { twinhook } = await setScene({ store: await startRefusingPooler() });
  const { code, err } = await twinhook(["check"]);
  expect(code).toBe(78);
  expect(err).toContain("store: expected PostgreSQL's own address");
  expect(err).not.toContain("not-for-show");
});

it("`twinhook check` only warns of a database that does not answer", async () => {
  const { twinhook } = await setScene({ store: `postgres://app@127.0.0.1:${await freePort()}/twinhook` });
  const { code, out } = await twinhook(["check"]);
  expect(code).toBe(0);
  expect(out).toContain("warning: the store cannot commit (unreachable)");
});
