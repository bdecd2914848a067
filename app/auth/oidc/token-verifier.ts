import * as errors from "jose/errors";
import { jwtVerify } from "jose/jwt/verify";
import type { Clock } from "../../clock.ts";
import { Refusal } from "../refusal.ts";
import { type OidcClaims, oidcClaims } from "./claims.ts";
import { IssuerKeys, KeysUnavailableError } from "./issuer-keys.ts";

/** Clocks may differ by this much (seconds). */
const CLOCK_SKEW_S = 60;
/** GitHub signs with nothing else, and the token must not choose its own algorithm. */
const ALGORITHMS = ["RS256"];
const RETRY_AFTER_S = 2;

/** Verifies the OIDC tokens of GitHub Actions jobs. */
export class TokenVerifier {
  #issuer: string;
  #audience: string;
  #clock: Clock;
  #keys: IssuerKeys;

  constructor({ issuer, audience, clock }: { issuer: string; audience: string; clock: Clock }) {
    this.#issuer = issuer;
    this.#audience = audience;
    this.#clock = clock;
    this.#keys = new IssuerKeys({ issuer, clock });
  }

  /**
   * Verifies a token and returns its claims.
   * @param made the audience that the token must name, and the time at which it must be valid (ms). Default:
   * this App, now.
   * @throws {Refusal} unauthenticated when the token is not valid; 503 while the issuer's keys cannot be
   * read.
   */
  async verify(token: string, made?: { audience: string; at: number }): Promise<OidcClaims> {
    const parsed = oidcClaims.safeParse(await this.#payload(token, made));
    if (parsed.success) return parsed.data;
    const missing = parsed.error.issues.map(({ path }) => path.join(".")).join(", ");
    throw new Refusal(
      "unauthenticated",
      `the token is not that of a GitHub Actions job: its claims ${missing} are missing or malformed`,
    );
  }

  async #payload(
    token: string,
    { audience, at } = { audience: this.#audience, at: this.#clock.now() },
  ): Promise<unknown> {
    try {
      const { payload } = await jwtVerify(token, (header, jws) => this.#keys.key(header, jws), {
        issuer: this.#issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_SKEW_S,
        // A token without it would never expire.
        requiredClaims: ["exp"],
        currentDate: new Date(at),
      });
      return payload;
    } catch (error) {
      if (error instanceof KeysUnavailableError)
        throw new Refusal(
          "unavailable",
          `the token cannot be checked, since ${error.message}; send it again`,
          {
            retryAfterS: RETRY_AFTER_S,
          },
        );
      if (!(error instanceof errors.JOSEError)) throw error;
      throw new Refusal("unauthenticated", `the token is not valid: ${this.#reason(error)}`);
    }
  }

  /** The reason in words, without any part of the token. */
  #reason(error: errors.JOSEError): string {
    if (error instanceof errors.JWTExpired)
      return "it has expired; ask GitHub for a new one for every request, and check this machine's clock";
    if (error instanceof errors.JWTClaimValidationFailed)
      return (
        {
          iss: `its issuer (iss) is not ${this.#issuer} (oidc.issuer in twinhook.yml)`,
          aud: `its audience (aud) is not ${this.#audience} (oidc.audience in twinhook.yml, \`audience\` of the Action)`,
          nbf: "it is not valid yet (nbf); check this machine's clock",
        }[error.claim] ?? `its claim ${error.claim} is missing or malformed`
      );
    if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed)
      return `${this.#issuer} did not sign it`;
    if (error instanceof errors.JOSEAlgNotAllowed) return `it must be signed with ${ALGORITHMS.join(", ")}`;
    return "it is not a signed JSON Web Token";
  }
}
