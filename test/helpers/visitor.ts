/** A person's browser without the browser: keeps cookies, sends forms as pages do, and follows no redirection. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  /** The attributes with which each cookie was last set. */
  readonly attributes = new Map<string, string>();
  /** The session's token, where no page that shows it is this person's to see. */
  csrf: string | undefined;
  #base: string;

  constructor(base: string) {
    this.#base = base;
  }

  /** The same browser at another instance. */
  at(base: string): Visitor {
    const other = new Visitor(base);
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Response> {
    return this.#keep(await fetch(this.#url(path), { headers: this.#headers(headers), redirect: "manual" }));
  }

  /** Sends a form; null leaves a header out that a browser would send. */
  async post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string | null> = {},
  ): Promise<Response> {
    const all = { origin: new URL(this.#base).origin, ...headers };
    const sent = Object.fromEntries(Object.entries(all).filter((header) => header[1] !== null));
    return this.#keep(
      await fetch(this.#url(path), {
        method: "POST",
        body: new URLSearchParams(fields),
        headers: this.#headers(sent as Record<string, string>),
        redirect: "manual",
      }),
    );
  }

  /** Calls the API as a page's script does. */
  async call(
    method: string,
    path: string,
    { body, headers }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Response> {
    const csrf = { "x-csrf-token": await this.csrfToken(), origin: new URL(this.#base).origin };
    return fetch(this.#url(path), {
      method,
      headers: this.#headers({ ...csrf, "content-type": "application/json", ...headers }),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** What the forms of this session carry. */
  async csrfToken(page = "/settings"): Promise<string> {
    if (this.csrf !== undefined) return this.csrf;
    const text = await (await this.get(page, { accept: "text/html" })).text();
    return /name="csrf_token" value="([^"]+)"/.exec(text)?.[1] ?? "";
  }

  /** Signs in with the admin token. */
  signInWithToken(token: string, returnTo = "/"): Promise<Response> {
    return this.post("/sign-in", { token, return_to: returnTo });
  }

  /** Signs in with GitHub, where whoever is signed in there agrees; answers what the App says in the end. */
  async signInWithGitHub(returnTo = "/"): Promise<Response> {
    const start = await this.get(`/sign-in/github?return_to=${encodeURIComponent(returnTo)}`);
    const atGitHub = await fetch(start.headers.get("location") ?? "", { redirect: "manual" });
    return this.get(atGitHub.headers.get("location") ?? "");
  }

  #url(path: string): string {
    return new URL(path, this.#base).href;
  }

  #headers(headers: Record<string, string>): Record<string, string> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    return { ...(cookie === "" ? {} : { cookie }), ...headers };
  }

  #keep(response: Response): Response {
    for (const line of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = line.split("; ");
      const [name = "", value = ""] = pair.split(/=(.*)/s);
      if (attributes.includes("Max-Age=0")) this.cookies.delete(name);
      else this.cookies.set(name, value);
      this.attributes.set(name, attributes.join("; "));
    }
    return response;
  }
}
