/** Leaves the last setup page as soon as an instance answers at its address. */
const place = document.querySelector<HTMLElement>("[data-wait]");
const next = place?.dataset.wait;

async function isUp(): Promise<boolean> {
  try {
    return (await fetch("/readyz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

const timer = setInterval(async () => {
  if (!next || !(await isUp())) return;
  clearInterval(timer);
  location.replace(next);
}, 500);

export {};
