#!/usr/bin/env bash
# nock 15.0.6 (npm, disableNetConnect with loopback allowed), on Node 24: what a guard of all tests would do to them.
# Guess beforehand: requests to loopback pass as they are, and every other connection is refused. Seen: a request to
# loopback is sent only once its body is complete, and one whose body never ends does not arrive. A connection that is
# not HTTP, to an address that exists nowhere, tells that it is connected.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund nock@15.0.6 >/dev/null
cat >run.mjs <<'JS'
import http from "node:http";
import net from "node:net";
import nock from "nock";

nock.disableNetConnect();
nock.enableNetConnect(/^127\.0\.0\.1/);
let arrived = "nothing";
const server = http.createServer((request) => request.on("data", (data) => (arrived = String(data))));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const request = http.request({ port: server.address().port, host: "127.0.0.1", method: "POST" });
request.on("error", () => {});
request.write("the first half");
await new Promise((resolve) => setTimeout(resolve, 1_000));
console.log(`of half a body arrived: ${arrived}`);

const socket = net.connect({ host: "192.0.2.1", port: 5432 });
const told = await new Promise((resolve) => {
  socket.once("connect", () => resolve("connected"));
  socket.once("error", ({ code }) => resolve(code));
});
console.log(`192.0.2.1 port 5432: ${told}`);
process.exit();
JS
expected="of half a body arrived: nothing
192.0.2.1 port 5432: connected"
seen=$(node run.mjs)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "this has changed; expected:"; echo "$expected"; exit 1; }
