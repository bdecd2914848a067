import type { State } from "./connection.ts";

/** Shows at the top of the page whether the page is live, and dims the page when it is not. */
export function showState(state: State, instances: readonly { name: string; url: string }[]): void {
  const place = document.getElementById("live");
  if (!place) return;
  document.body.classList.toggle("old", state.kind === "old" || state.kind === "signed-out");
  place.dataset.state = state.kind;
  place.replaceChildren(...words(state, instances));
}

function words(state: State, instances: readonly { name: string; url: string }[]): (Node | string)[] {
  if (state.kind === "connecting") return ["Connecting …"];
  if (state.kind === "signed-out")
    return ["You are signed out: what you see is old. ", link("/sign-in", "Sign in again")];
  if (state.kind === "old") {
    const time = document.createElement("time");
    time.dateTime = new Date(state.since).toISOString();
    return ["Old data, as it was ", time, state.why === undefined ? ". Reconnecting …" : `: ${state.why}`];
  }
  if (state.own) return ["Live"];
  const twin = instances.find(({ name }) => name === state.instance);
  const here = location.pathname + location.search;
  return [
    `Live by ${state.instance}: the instance of this page does not answer. `,
    ...(twin ? [link(twin.url.replace(/\/$/, "") + here, `Go to ${state.instance}`)] : []),
  ];
}

function link(href: string, text: string): HTMLAnchorElement {
  return Object.assign(document.createElement("a"), { href, textContent: text });
}
