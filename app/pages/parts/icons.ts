import { html, raw } from "hono/html";

/** On a grid of 16 by 16, in the colour of the text. Icons only repeat the words beside them. */
const SHAPES = {
  check: `<circle cx="8" cy="8" r="6.5"/><path d="m5.2 8.3 1.9 1.9 3.8-4.3"/>`,
  cross: `<circle cx="8" cy="8" r="6.5"/><path d="m5.8 5.8 4.4 4.4m0-4.4-4.4 4.4"/>`,
  warning: `<path d="M8 2 1.6 13.5h12.8zM8 6.4v3.3"/><path d="M8 11.6v.1"/>`,
  clock: `<circle cx="8" cy="8" r="6.5"/><path d="M8 4.4V8l2.4 1.8"/>`,
  play: `<circle cx="8" cy="8" r="6.5"/><path d="m6.6 5.6 3.8 2.4-3.8 2.4z"/>`,
  slash: `<circle cx="8" cy="8" r="6.5"/><path d="m3.6 12.4 8.8-8.8"/>`,
  skip: `<circle cx="8" cy="8" r="6.5"/><path d="m5 5.8 2.6 2.2L5 10.2m3.4-4.4L11 8l-2.6 2.2"/>`,
  question: `<circle cx="8" cy="8" r="6.5"/><path d="M6.2 6.3a1.8 1.8 0 1 1 2.6 1.6c-.6.3-.8.6-.8 1.2"/><path d="M8 11.3v.1"/>`,
  swap: `<path d="M2 5.5h10.5M9.6 2.6l2.9 2.9-2.9 2.9M14 10.5H3.5m2.9-2.9-2.9 2.9 2.9 2.9"/>`,
  back: `<path d="M6.2 3 2.6 6.6l3.6 3.6M2.9 6.6h6.4a4 4 0 0 1 0 8H7.6"/>`,
  pin: `<path d="M5.2 2h5.6M6.2 2v4.2L4 9h8L9.8 6.2V2M8 9v5"/>`,
  inbox: `<path d="M1.8 9 4 3h8l2.2 6v4H1.8zm0 0h3.7l1 1.8h3l1-1.8h3.7"/>`,
  search: `<circle cx="7" cy="7" r="4.6"/><path d="m10.4 10.4 3.8 3.8"/>`,
  bolt: `<path d="M9 1.6 3.4 9H8l-1 5.4L12.6 7H8z"/>`,
  mark: `<path d="M4.6 1.8v6.6a2.6 2.6 0 1 0 5.2 0M11.4 14.2V7.6a2.6 2.6 0 1 0-5.2 0"/>`,
} as const;

export type IconName = keyof typeof SHAPES;

/** An icon beside words that say the same. */
export function icon(name: IconName) {
  return html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">${raw(SHAPES[name])}</svg>`;
}
