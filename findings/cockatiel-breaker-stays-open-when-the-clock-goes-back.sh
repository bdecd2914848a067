#!/usr/bin/env bash
# cockatiel 4.0.0 (npm, circuitBreaker with halfOpenAfter): how long an open breaker stays open is measured by the wall
# clock. Guess beforehand: by a monotonic one. Seen: a breaker with halfOpenAfter 1,000 ms lets no call through 10 s after
# it opened when the clock was set back by an hour meanwhile (NTP, a resumed virtual machine); it lets one through again
# an hour later. Set forward by an hour, it lets a call through at once.
# The package's own test of time is used: Date.now is replaced, as a changed clock of the system would change it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund cockatiel@4.0.0 >/dev/null
cat >run.cjs <<'JS'
const { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleAll } = require("cockatiel");
const HOUR = 3_600_000;
const realNow = Date.now;
let offset = 0;
Date.now = () => realNow() + offset;

/** Opens a breaker, changes the clock, and tells whether a call gets through. */
async function getsThrough(changeMs) {
  offset = 0;
  const policy = circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(1) });
  await policy.execute(() => Promise.reject(new Error("down"))).catch(() => {});
  offset = changeMs;
  return policy.execute(() => "called").catch((error) => (error instanceof BrokenCircuitError ? "refused" : "failed"));
}

(async () => {
  console.log(`10 s later by the clock: ${await getsThrough(10_000)}`);
  console.log(`10 s later, the clock an hour back: ${await getsThrough(10_000 - HOUR)}`);
  console.log(`at once, the clock an hour forward: ${await getsThrough(HOUR)}`);
})();
JS
expected="10 s later by the clock: called
10 s later, the clock an hour back: refused
at once, the clock an hour forward: called"
seen=$(node run.cjs)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "this has changed; expected:"; echo "$expected"; exit 1; }
