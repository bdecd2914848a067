import { randomBytes } from "node:crypto";
import { z } from "zod";
import { Refusal } from "../auth/refusal.ts";

const CALL_LIMIT_MS = 15_000;

const conversion = z.object({
  id: z.number().int(),
  name: z.string(),
  html_url: z.string(),
  client_id: z.string(),
  client_secret: z.string(),
  webhook_secret: z.string().nullable(),
  pem: z.string(),
  owner: z.object({ login: z.string(), type: z.string().optional() }),
});

/** A new App with all its secrets; GitHub shows them only once. */
export type MadeApp = z.output<typeof conversion>;

/**
 * Exchanges the code in GitHub's redirect for the App.
 * @throws {Refusal} 403 when GitHub does not know the code (any more); 502 when GitHub is unreachable.
 */
export async function takeApp(githubApiUrl: string, code: string): Promise<MadeApp> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`${githubApiUrl}/app-manifests/${encodeURIComponent(code)}/conversions`, {
      method: "POST",
      headers: { accept: "application/vnd.github+json", "user-agent": "twinhook" },
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
      redirect: "error",
    });
    body = await response.json().catch(() => null);
  } catch (error) {
    throw new Refusal(
      "no_answer",
      `GitHub cannot be asked (${(error as Error).message}); load this page again`,
      {
        cause: error,
      },
    );
  }
  const made = conversion.safeParse(body).data;
  if (response.ok && made) return made;
  if (response.status === 404)
    throw new Refusal(
      "forbidden",
      "GitHub does not know this code: a code works once, and for an hour. Begin again, and delete the App at GitHub if it was created",
    );
  throw new Refusal(
    "no_answer",
    `GitHub answered ${response.status} in place of the App; load this page again`,
  );
}

/** The environment of the App's instances. Other variables that are already set stay as they are. */
export function environmentOf(
  app: MadeApp,
  { githubHost, adminToken }: { githubHost: string | null; adminToken: string | null },
): Record<string, string> {
  return {
    APP_ID: String(app.id),
    PRIVATE_KEY: app.pem,
    WEBHOOK_SECRET: app.webhook_secret ?? randomBytes(32).toString("hex"),
    GITHUB_CLIENT_ID: app.client_id,
    GITHUB_CLIENT_SECRET: app.client_secret,
    ...(adminToken === null && { TWINHOOK_ADMIN_TOKEN: randomBytes(32).toString("hex") }),
    ...(githubHost !== null && { GHE_HOST: githubHost }),
  };
}
