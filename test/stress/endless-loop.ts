/** Keeps a core busy until whoever started it is gone. */
const SLICE_MS = 50;

function work(): void {
  const until = performance.now() + SLICE_MS;
  while (performance.now() < until);
  if (process.connected) setImmediate(work);
}

work();
