#!/usr/bin/env bash
# embedded-postgres 18.4.0-beta.17 (npm, with async-exit-hook 2.0.1), on Node: what its import alone does to a program that
# tidies up at SIGINT. Guess beforehand: nothing, as long as no server is started. Seen: the import registers a listener
# of its own, which ends the process at once with 130. What the program's own listener has begun, and finishes 50 ms
# later, is never done. Without the import it is done, and the program ends with its own code.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund embedded-postgres@18.4.0-beta.17 >/dev/null
cat >run.mjs <<'JS'
if (process.argv[2] === "import") await import("embedded-postgres");
const turning = setInterval(() => {}, 1_000);
process.on("SIGINT", () =>
  setTimeout(() => {
    console.log("tidied up");
    clearInterval(turning);
    process.exit(3);
  }, 50),
);
setTimeout(() => process.kill(process.pid, "SIGINT"), 100);
JS
seen=$(for how in import without; do
  echo "$how: $(node run.mjs "$how" && code=0 || code=$?; echo "ended with ${code:-0}")"
done)
expected="import: ended with 130
without: tidied up
ended with 3"
echo "$seen"
[ "$seen" = "$expected" ] || { echo "this has changed; expected:"; echo "$expected"; exit 1; }
