const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * Shows for every time on the page how long ago it was. A hint gives the exact time, by the reader's clock
 * and zone.
 */
export function tellTimes(now = Date.now()): void {
  for (const element of document.querySelectorAll<HTMLTimeElement>("time[datetime]")) {
    const at = Date.parse(element.dateTime);
    const text = "elapsed" in element.dataset ? lasting(now - at) : ago(at, now);
    if (element.textContent !== text) element.textContent = text;
    if (!element.title) element.title = full.format(at);
  }
}

function ago(at: number, now: number): string {
  const ms = Math.max(0, now - at);
  if (ms < 10 * SECOND) return "just now";
  if (ms < MINUTE) return relative.format(-Math.floor(ms / SECOND), "second");
  if (ms < HOUR) return relative.format(-Math.floor(ms / MINUTE), "minute");
  if (ms < DAY) return relative.format(-Math.floor(ms / HOUR), "hour");
  if (ms < 30 * DAY) return relative.format(-Math.floor(ms / DAY), "day");
  return day.format(at);
}

function lasting(ms: number): string {
  if (ms < SECOND) return "less than 1 s";
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ${Math.floor((ms % MINUTE) / SECOND)} s`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ${Math.floor((ms % HOUR) / MINUTE)} min`;
  return `${Math.floor(ms / DAY)} d ${Math.floor((ms % DAY) / HOUR)} h`;
}
