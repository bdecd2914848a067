import { createServer } from "node:http";
import { expect, it } from "vitest";
import { listen, stopListening } from "../../../app/http/listen.ts";

it("a door is shared by several servers, and open for as long as one of them listens", async () => {
  const [first, second] = ["first", "second"].map((name) =>
    createServer((_, response) => response.end(name)),
  );
  if (!first || !second) throw new Error("two were made");
  // Only a port that someone chose before can be shared.
  const { port } = await listen(first, "127.0.0.1:0", { shared: true });
  await listen(second, `127.0.0.1:${port}`, { shared: true });
  await stopListening(first);
  for (let i = 0; i < 20; i++) {
    const answer = await fetch(`http://127.0.0.1:${port}`, { headers: { connection: "close" } });
    expect(await answer.text()).toBe("second");
  }
  await stopListening(second);
  await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow();
});

it("an instance's own port is shared with nobody", async () => {
  const [first, second] = [createServer(), createServer()];
  const { port } = await listen(first, "127.0.0.1:0");
  await expect(listen(second, `127.0.0.1:${port}`)).rejects.toThrow("another program listens at");
  await expect(listen(second, `127.0.0.1:${port}`, { shared: true })).rejects.toThrow(
    "another program listens at",
  );
  await stopListening(first);
});

it("where the platform cannot share a port, the error says what to do", async () => {
  const server = createServer();
  server.listen = () => {
    queueMicrotask(() =>
      server.emit("error", Object.assign(new Error("listen ENOTSUP"), { code: "ENOTSUP" })),
    );
    return server;
  };
  await expect(listen(server, "127.0.0.1:1", { shared: true })).rejects.toThrow("remove `door`");
});
