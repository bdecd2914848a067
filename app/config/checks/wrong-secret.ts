import { assertDeliverySecret } from "../../../shared/delivery-signature.ts";
import type { ConfigProblem } from "../problem.ts";

/** Checks the signing secret in the variable `name`. Returns the fault, if any. */
export function wrongSecret(
  name: string,
  env: NodeJS.ProcessEnv,
): Pick<ConfigProblem, "expected" | "got" | "remedy"> | undefined {
  const remedy = `set ${name}, for example to the output of: echo "whsec_$(openssl rand -base64 32)"`;
  const value = env[name];
  if (!value) return { expected: `the variable ${name} to be set`, got: "nothing", remedy };
  try {
    assertDeliverySecret(value);
    return undefined;
  } catch (error) {
    const expected = (error as Error).message.replace(/^expected /, "").replace(/, got .*$/, "");
    return { expected: `in ${name} ${expected}`, got: "something else", remedy };
  }
}
