import { html } from "hono/html";
import { type HttpProblem, troubleshooting } from "../http/problem.ts";
import { type Frame, type Markup, page } from "./layout.ts";
import { icon } from "./parts/icons.ts";
import { sentence } from "./parts/sentence.ts";

/** The page for a person in place of a problem document. A signed-in person keeps the navigation. */
export function problemPage(
  problem: Pick<HttpProblem, "status" | "message">,
  signedIn: Frame = { viewer: null, csrfToken: null },
): Markup {
  const title = TITLES[problem.status] ?? "Something went wrong";
  return page({
    title,
    ...signedIn,
    body: html`<div class="narrow empty">
      ${icon(problem.status === 404 ? "search" : "warning")}
      <h1>${title}</h1>
      <p>${sentence(problem.message)}</p>
      <p><a class="button" href="/">Back to the overview</a></p>
      <p><a href="${troubleshooting(problem.status)}">What to do</a></p>
    </div>`,
  });
}

const TITLES: Record<number, string> = {
  401: "Sign in first",
  403: "Not allowed",
  404: "Page not found",
  409: "Not possible now",
  429: "Too many tries",
  502: "GitHub did not answer",
  503: "Not available now",
};
