import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { readEnvironment } from "../../../app/config/environment/environment.ts";
import { githubApp } from "../../../app/github/app.ts";
import { WebhookConfigClient } from "../../../app/github/webhook-config.ts";
import { appIdentity } from "../../simulator/app-identity.ts";

/** A server that notes the headers of each request, and redirects it to `location` if one is given. */
async function server(location: string | null) {
  const seen: IncomingHttpHeaders[] = [];
  const http = createServer((request, response) => {
    seen.push(request.headers);
    const headers = { "content-type": "application/json", ...(location && { location }) };
    response.writeHead(location ? 301 : 200, headers).end("{}");
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void http.close());
  return { seen, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` };
}

test("a redirect to another host is followed without the App's credential", async () => {
  const elsewhere = await server(null);
  const github = await server(`${elsewhere.url}/app/hook/config`);
  const { id, privateKey, webhookSecret } = appIdentity();
  const { environment } = readEnvironment({
    APP_ID: String(id),
    PRIVATE_KEY: privateKey,
    WEBHOOK_SECRET: webhookSecret,
  });
  const app = githubApp(
    { ...environment, githubApiUrl: github.url },
    webhookSecret,
    pino({ level: "silent" }),
  );
  await new WebhookConfigClient(app, () => webhookSecret).read();
  expect(github.seen).toMatchObject([{ authorization: expect.stringMatching(/^bearer ey/i) }]);
  expect(elsewhere.seen).toHaveLength(1);
  expect(elsewhere.seen[0]).not.toHaveProperty("authorization");
});
