import { Hono } from "hono";
import type { InstanceConfig } from "../config/schema.ts";

/** `/api/openapi.json`: the description of the API, for programs and their authors. */
export function openApiRoutes(instances: readonly Pick<InstanceConfig, "name" | "url">[]): Hono {
  const servers = instances.map(({ name, url }) => ({ url, description: name }));
  let description: Promise<string> | undefined;
  const routes = new Hono();
  routes.get("/openapi.json", async (c) => {
    description ??= import("./openapi/describe.ts").then(({ describeApi }) =>
      JSON.stringify(describeApi(servers)),
    );
    return c.body(await description, 200, {
      "content-type": "application/json",
      "access-control-allow-origin": "*",
    });
  });
  return routes;
}
