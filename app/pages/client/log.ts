/** Readers within this distance from the end (pixels) count as following the log. */
const NEAR = 40;

interface Piece {
  attempt: number;
  seq: number;
  markup: string;
}

let follows = true;

const view = () => document.getElementById("log");
const output = () => view()?.querySelector<HTMLElement>("section:last-of-type pre") ?? undefined;

/** The end of the log on the page; a new connection sends it to ask for the rest. */
export function logShown(): { attempt: number; seq: number } | undefined {
  const log = view();
  return log ? { attempt: Number(log.dataset.attempt), seq: Number(log.dataset.seq) } : undefined;
}

/** Appends the next piece; the server has already escaped it. */
export function appendLog({ attempt, seq, markup }: Piece): void {
  const log = view();
  if (!log) return;
  log.querySelector("[data-empty]")?.remove();
  if (Number(log.dataset.attempt) !== attempt) beginAttempt(log, attempt);
  log.dataset.attempt = String(attempt);
  log.dataset.seq = String(seq);
  output()?.insertAdjacentHTML("beforeend", markup);
  if (follows) jumpToEnd();
}

function beginAttempt(log: HTMLElement, attempt: number): void {
  const section = document.createElement("section");
  section.dataset.attempt = String(attempt);
  section.ariaLabel = `Attempt ${attempt}`;
  if (attempt > 1)
    section.append(Object.assign(document.createElement("h3"), { textContent: `Attempt ${attempt}` }));
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  pre.ariaLabel = "Output";
  section.append(pre);
  log.append(section);
}

function jumpToEnd(): void {
  const pre = output();
  if (pre) pre.scrollTop = pre.scrollHeight;
}

/** Follows the log until its reader scrolls up, and again once the reader is back at its end. */
export function followLog(): void {
  const button = document.querySelector<HTMLElement>("[data-log-end]");
  if (!view() || !button) return;
  document.addEventListener(
    "scroll",
    () => {
      const pre = output();
      if (!pre) return;
      follows = pre.scrollTop + pre.clientHeight > pre.scrollHeight - NEAR;
      button.hidden = follows;
    },
    { capture: true, passive: true },
  );
  button.addEventListener("click", jumpToEnd);
  jumpToEnd();
}
