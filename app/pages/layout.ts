import { html } from "hono/html";
import { docsUrl, VERSION } from "../version.ts";
import { assetUrl } from "./assets.ts";
import { icon } from "./parts/icons.ts";

/** The result of `hono/html`: text in which every foreign part is escaped. */
export type Markup = ReturnType<typeof html>;

/** The entries of the navigation. */
export type Place = "overview" | "deployments" | "deliveries" | "settings";

/** The page of the documentation that each place links to. */
export const DOCS: Record<Place, string> = {
  overview: "app/pages/README.md",
  deployments: "docs/reference/states.md#a-deployment",
  deliveries: "docs/reference/states.md#a-delivery",
  settings: "docs/how-to/operate.md",
};

const PLACES: [Place, path: string, name: string][] = [
  ["overview", "/", "Overview"],
  ["deployments", "/deployments", "Deployments"],
  ["deliveries", "/deliveries", "Deliveries"],
  ["settings", "/settings", "Settings"],
];

/** The part of a viewer that a page's frame shows. */
type Someone = { kind: "admin" } | { kind: "person"; login: string };

export interface Page {
  /** Names the page in the window's title, before "Twinhook". */
  title: string;
  /** The signed-in viewer. With null, the page offers nothing that needs a viewer. */
  viewer: Someone | null;
  /** The token that forms send; null when nobody is signed in. */
  csrfToken: string | null;
  body: Markup;
  /** Tells which targets are held; see targets/held-banner.ts. */
  banner?: Markup | undefined;
  /** The page's entry in the navigation. */
  place?: Place;
  /** The modules in `app/pages/client/` that the page starts. */
  scripts?: readonly string[];
  /** Values for these modules, as the `data-…` attributes of the body. */
  data?: Record<string, string>;
}

/** The part of a page that is the same on all of a visit's pages. */
export type Frame = Pick<Page, "viewer" | "csrfToken" | "banner">;

/** A whole page: the common frame around its `body`, without inline scripts or styles. */
export function page({
  title,
  viewer,
  csrfToken,
  body,
  banner,
  place,
  scripts = [],
  data = {},
}: Page): Markup {
  const isLive = scripts.includes("live-page");
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Twinhook</title>
<link rel="icon" type="image/svg+xml" href="${assetUrl("icon.svg")}">
<link rel="stylesheet" href="${assetUrl("style.css")}">
${isLive && html`<link rel="stylesheet" href="${assetUrl("vendor/uplot/dist/uPlot.min.css")}">`}
${scripts.map((name) => html`<script type="module" src="${assetUrl(`client/${name}.ts`)}"></script>`)}
</head>
<body${Object.entries(data).map(([name, value]) => html` data-${name}="${value}"`)}>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
  <a class="brand" href="/">${icon("mark")} Twinhook</a>
  ${viewer && navigation(place)}
  ${isLive && html`<p id="live" class="live needs-script" role="status"></p>`}
  ${viewer && account(viewer, csrfToken)}
</header>
<div data-region="held">${banner}</div>
<main id="main" tabindex="-1">
${body}
</main>
<footer class="bottom"><p>Twinhook ${VERSION} ·
  <a href="${docsUrl(place ? DOCS[place] : "docs/README.md")}">Documentation</a></p></footer>
</body>
</html>`;
}

function navigation(here: Place | undefined): Markup {
  return html`<nav aria-label="Pages"><ul>${PLACES.map(
    ([place, path, name]) =>
      html`<li><a href="${path}"${place === here && html` aria-current="page"`}>${name}</a></li>`,
  )}</ul></nav>`;
}

function account(viewer: Someone, csrfToken: string | null): Markup {
  return html`<form class="account" method="post" action="/sign-out">
    <span class="login">${viewer.kind === "admin" ? "admin" : viewer.login}</span>
    ${csrfField(csrfToken)}<button class="button small">Sign out</button>
  </form>`;
}

/** The hidden token that every changing form must hold. */
export function csrfField(csrfToken: string | null): Markup {
  return html`<input type="hidden" name="csrf_token" value="${csrfToken ?? ""}">`;
}
