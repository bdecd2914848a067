import { z } from "zod";

/** A token's name, as it stands in the audit list. */
const TOKEN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A person's request for a named admin token. */
export const tokenRequest = z.object({
  name: z.string().regex(TOKEN_NAME, {
    error: "expected 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit",
  }),
  scopes: z.array(z.string()).min(1).max(100),
  expires_at: z.iso.datetime({ offset: true }).nullish().describe("when it ends by itself; null: never"),
});
