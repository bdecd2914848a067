import { assertDeliverySecret } from "../../shared/delivery-signature.ts";
import type { Credential } from "./credential.ts";
import { type Endpoint, isPlainAndRemote } from "./endpoints.ts";
import type { InputReader } from "./input-reader.ts";

const REMEDY = `expected one way to prove who asks, got none.

By OIDC, without a secret: give the job the permission to ask for tokens. (The target's \`action.workflows\` and \`action.refs\` in twinhook.yml say who may ask.)

    jobs:
      deploy:
        permissions:
          id-token: write
          deployments: write  # leaves the request at GitHub when no instance answers
          contents: read

By a secret: store the value that the instances hold in the variable that the target's \`action.secret_env\` names as a secret of the repository, and add it to the step.

    steps:
      - uses: OWNER/twinhook@v1
        with:
          secret: \${{ secrets.TWINHOOK_SECRET }}

Runs for pull requests from forks and for Dependabot get neither.`;

/** The credential: the input `secret`, or else the job's OIDC tokens, which are never sent unencrypted. */
export function credentialInput(
  inputs: InputReader,
  endpoints: readonly Endpoint[],
  env: Readonly<Record<string, string | undefined>>,
): Credential {
  const secret = inputs.text("secret");
  const audience = inputs.text("audience");
  if (secret !== "") {
    inputs.attempt("secret", () => assertDeliverySecret(secret));
    return { kind: "secret", secret };
  }
  if (!env.ACTIONS_ID_TOKEN_REQUEST_URL || !env.ACTIONS_ID_TOKEN_REQUEST_TOKEN) inputs.fail("secret", REMEDY);
  else
    for (const { name } of endpoints.filter(isPlainAndRemote))
      inputs.fail(
        "endpoints",
        `expected https:// for the ${name}, got http://: an OIDC token is never sent unencrypted. Use https://, or the input \`secret\``,
      );
  return { kind: "oidc", audience };
}
