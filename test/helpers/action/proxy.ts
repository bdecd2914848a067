import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";

/** An HTTP proxy on the loopback interface: it makes tunnels to names that only it knows. */
export interface TestProxy {
  url: string;
  /** What it was asked for, such as `deploy.test:443`. */
  asked: string[];
  close(): void;
}

/**
 * Starts one.
 * @param hosts where each name really is, as `HOST:PORT` of the loopback interface, or how tunnels to it fail.
 */
export async function startProxy(hosts: Record<string, URL | "refused" | "silent">): Promise<TestProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy()).once("close", () => sockets.delete(socket));
  };
  const server = createServer((_, response) => void response.writeHead(405).end());
  server.on("connection", keep);
  server.on("connect", ({ url = "" }, socket: Socket) => {
    asked.push(url);
    const place = hosts[url.replace(/:\d+$/, "")] ?? "refused";
    if (place === "silent") return;
    if (place === "refused") return void socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    const onward = connect(Number(place.port), place.hostname, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    keep(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
