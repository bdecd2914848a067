import { Hono } from "hono";
import { inspectorOf, operatorOf, type ViewerCredentials } from "../../auth/viewer-of.ts";
import type { TokenAnswer, TokenListAnswer, TokenMadeAnswer } from "../../reads/answers/token.ts";
import { bodyOf } from "../request-body.ts";
import { makeToken, presentToken, revokeToken, type TokenCommandsOptions } from "./token-commands.ts";
import { tokenRequest } from "./token-request.ts";

/** `/api/tokens`: lists, makes and revokes named admin tokens. */
export function tokenRoutes(options: TokenCommandsOptions & { credentials: ViewerCredentials }): Hono {
  const { tokens, credentials } = options;
  const routes = new Hono();

  routes.get("/", async (c) => {
    await inspectorOf(c, credentials);
    const items = (await tokens.list()).map(presentToken);
    return c.json<TokenListAnswer>({ items, next_cursor: null });
  });

  routes.post("/", async (c) => {
    const viewer = await operatorOf(c, credentials);
    const request = await bodyOf(
      c,
      tokenRequest,
      '{"name": "NAME", "scopes": ["read", "deploy:OWNER/REPO/TARGET" or "admin"], "expires_at": null or a time}',
    );
    const made = await makeToken(options, viewer, request);
    return c.json<TokenMadeAnswer>(made, 201, { "cache-control": "no-store" });
  });

  routes.delete("/:name", async (c) => {
    const viewer = await operatorOf(c, credentials);
    return c.json<TokenAnswer>(await revokeToken(options, viewer, c.req.param("name")));
  });

  return routes;
}
