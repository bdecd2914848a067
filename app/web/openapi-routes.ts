import { Hono } from "hono";
import type { InstanceConfig } from "../config/schema.ts";
import { describeApi } from "./openapi/describe.ts";

/** `/api/openapi.json`: what the API answers, for programs and for those who write them. */
export function openApiRoutes(instances: readonly Pick<InstanceConfig, "name" | "url">[]): Hono {
  const description = JSON.stringify(
    describeApi(instances.map(({ name, url }) => ({ url, description: name }))),
  );
  const routes = new Hono();
  routes.get("/openapi.json", (c) =>
    c.body(description, 200, { "content-type": "application/json", "access-control-allow-origin": "*" }),
  );
  return routes;
}
