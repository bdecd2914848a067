import { createServer } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { listen } from "../../../app/http/listen.ts";

test("an address that is taken is named, with what to do", async () => {
  const servers = [createServer(), createServer()] as const;
  onTestFinished(() => void servers.map((server) => server.close()));
  const { port } = await listen(servers[0], "127.0.0.1:0");
  await expect(listen(servers[1], `127.0.0.1:${port}`)).rejects.toThrow(
    `another program listens at 127.0.0.1:${port} already; end it (\`ss -ltnp\` names it)`,
  );
});
