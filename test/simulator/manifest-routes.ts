import { appObject } from "./app-identity.ts";
import { GitHubError, validationFailed } from "./github-error.ts";
import type { Answer, Route, RouteContext } from "./router.ts";
import { stableSha } from "./stable-values.ts";

/** Creates an App from a manifest: the page that receives it, and the exchange of the code. */
export const manifestRoutes: Route[] = [
  { method: "POST", path: "/settings/apps/new", auth: "none", handle: submit },
  { method: "POST", path: "/organizations/{org}/settings/apps/new", auth: "none", handle: submit },
  { method: "POST", path: "/app-manifests/{code}/conversions", auth: "none", handle: convert },
];

/** Skips the person's click on "Create": the answer sends the browser back with a code. */
function submit({ world, body, query }: RouteContext): Answer {
  let manifest: Record<string, unknown>;
  try {
    manifest = JSON.parse(String(body.manifest));
  } catch {
    throw validationFailed("Manifest", "manifest", "manifest is not JSON");
  }
  if (typeof manifest.redirect_url !== "string" || typeof manifest.url !== "string")
    throw validationFailed("Manifest", "manifest", "url and redirect_url are required");
  const code = stableSha(`manifest ${world.manifestCodes.size}`);
  world.manifestCodes.set(code, manifest);
  const back = new URL(manifest.redirect_url);
  back.searchParams.set("code", code);
  const state = query.get("state") ?? body.state;
  if (typeof state === "string") back.searchParams.set("state", state);
  return { status: 302, headers: { Location: back.href } };
}

/** Every manifest becomes this GitHub's only App; a code works once. */
function convert({ world, params }: RouteContext): Answer {
  const code = params.code ?? "";
  const manifest = world.manifestCodes.get(code);
  if (!manifest || manifest.used === true) throw new GitHubError(404, "Not Found");
  world.manifestCodes.set(code, { ...manifest, used: true });
  const hook = manifest.hook_attributes as { url?: string; active?: boolean } | undefined;
  if (hook?.url) world.appHook.config = { ...world.appHook.config, url: hook.url };
  if (typeof hook?.active === "boolean") world.appHook.active = hook.active;
  const { app } = world;
  return {
    status: 201,
    body: {
      ...appObject(app),
      client_id: app.clientId,
      client_secret: app.clientSecret,
      webhook_secret: app.webhookSecret,
      pem: app.privateKey,
    },
  };
}
