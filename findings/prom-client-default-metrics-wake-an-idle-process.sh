#!/usr/bin/env bash
# prom-client 15.1.3 (npm, collectDefaultMetrics), on Node 20 and 24: what its default metrics cost a process that nobody
# scrapes. Guess beforehand: nothing, they are read at a scrape. Seen: the process wakes about a hundred times a second,
# by the timer that samples the lag of the event loop (eventLoopMonitoringPrecision, 10 ms). To sample less often is no
# way out: an idle process then reports the pause between two samples as its lag, 0.5 s at a precision of 500 ms.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund prom-client@15.1.3 >/dev/null
cat >run.cjs <<'JS'
const { readFileSync } = require("node:fs");
const { collectDefaultMetrics, register } = require("prom-client");
const precision = process.argv[2];
if (precision !== "none") collectDefaultMetrics({ eventLoopMonitoringPrecision: Number(precision) });
const wakeUps = () => Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))[1]);
setTimeout(() => {
  const before = wakeUps();
  setTimeout(async () => {
    const perSecond = (wakeUps() - before) / 4;
    const lag = /^nodejs_eventloop_lag_mean_seconds ([\d.e-]+)/m.exec(await register.metrics());
    const seen = [`wakes ${perSecond > 50 ? "over 50" : "under 50"} times a second`];
    if (lag) seen.push(`reports a lag of ${Number(lag[1]) > 0.4 ? "over 0.4 s" : "under 0.1 s"}`);
    console.log(`precision ${precision}: ${seen.join(", ")}`);
  }, 4_000);
}, 500);
JS
expected="precision none: wakes under 50 times a second
precision 10: wakes over 50 times a second, reports a lag of under 0.1 s
precision 500: wakes under 50 times a second, reports a lag of over 0.4 s"
seen=$(for precision in none 10 500; do node run.cjs "$precision"; done)
echo "$seen"
[ "$seen" = "$expected" ] || { echo "this has changed; expected:"; echo "$expected"; exit 1; }
