import { generateKeyPairSync, type KeyObject, randomUUID, sign } from "node:crypto";
import type { Clock } from "./clock.ts";
import { stableId, stableSha } from "./stable-values.ts";

/** The life of a job's token. */
const LIFE_S = 300;

/** A signing key of the issuer, with its published id. */
interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** Made once, since that takes long. */
let firstKey: SigningKey | undefined;

/** The claims that tests choose for a job's token; the other claims are derived from them. */
export interface OidcClaims {
  repository?: string;
  repository_id?: number | string;
  run_id?: number | string;
  run_attempt?: number | string;
  /** The workflow file; together with `ref` it gives the claim `workflow_ref`. */
  workflow?: string;
  ref?: string;
  sha?: string;
  event_name?: string;
  environment?: string;
  actor?: string;
  aud?: string;
  [claim: string]: unknown;
}

/** The issuer of the OIDC tokens of jobs. */
export class Oidc {
  /** Set when the server knows its own URL. */
  issuer = "";
  readonly #clock: Clock;
  readonly #jobs = new Map<string, OidcClaims>();
  /** The newest key comes first and signs. */
  #keys: SigningKey[];
  #keysMade = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    firstKey ??= newKey(1);
    this.#keys = [firstKey];
  }

  /** Signs with a new key from now on; older keys stay published, unless `withdraw` is set. */
  rotate({ withdraw = false } = {}): void {
    this.#keys = [newKey(++this.#keysMade), ...(withdraw ? [] : this.#keys)];
  }

  /**
   * A token with these claims: RS256, valid for 5 minutes. Any claim may be overridden, also `iss` or `exp`.
   */
  token(claims: OidcClaims = {}): string {
    const now = Math.floor(this.#clock.now() / 1000);
    // These inputs get the form of their claims below.
    const { repository_id: _i, run_id: _r, run_attempt: _a, workflow: _w, ...others } = claims;
    return this.sign({ ...this.#standard(claims), ...times(now), ...others });
  }

  /** A token with exactly this content, however wrong; an undefined claim is left out. */
  sign(payload: Record<string, unknown>, header: Record<string, unknown> = {}): string {
    const [key] = this.#keys as [SigningKey];
    const text = [{ typ: "JWT", alg: "RS256", kid: key.kid, ...header }, payload]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `${text}.${sign("RSA-SHA256", Buffer.from(text), key.privateKey).toString("base64url")}`;
  }

  /** The environment in which a job with `id-token: write` asks the runner for tokens with these claims. */
  jobEnvironment(root: string, claims: OidcClaims = {}): Record<string, string> {
    const token = `job-token-${stableSha(`job ${this.#jobs.size}`)}`;
    this.#jobs.set(token, claims);
    return {
      ACTIONS_ID_TOKEN_REQUEST_URL: `${root}/_services/actions/idtoken?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: token,
    };
  }

  /** The claims of the job that holds this request token. */
  claimsOfJob(requestToken: string): OidcClaims | undefined {
    return this.#jobs.get(requestToken);
  }

  /** The public key set. */
  jwks() {
    const keys = this.#keys.map(({ kid, publicKey }) => ({
      ...publicKey.export({ format: "jwk" }),
      kid,
      use: "sig",
      alg: "RS256",
    }));
    return { keys };
  }

  #standard(claims: OidcClaims): Record<string, unknown> {
    const {
      repository = "acme/site",
      ref = "refs/heads/main",
      run_id = 30_433_642,
      event_name = "push",
    } = claims;
    const { workflow = ".github/workflows/deploy.yml", run_attempt = 1, actor = "octocat" } = claims;
    const [owner = ""] = repository.split("/");
    const sha = claims.sha ?? stableSha(`${repository}@main`);
    const workflowRef = `${repository}/${workflow}@${ref}`;
    return {
      iss: this.issuer,
      aud: `https://github.com/${owner}`,
      // The form of `sub` changed in 2026; nothing may match on it.
      sub: `repo:${repository}:${claims.environment ? `environment:${claims.environment}` : `ref:${ref}`}`,
      jti: randomUUID(),
      repository,
      repository_id: String(claims.repository_id ?? stableId(repository)),
      repository_owner: owner,
      repository_owner_id: String(stableId(owner)),
      repository_visibility: "public",
      run_id: String(run_id),
      run_attempt: String(run_attempt),
      run_number: "163",
      workflow: workflow.replace(/^.*\/|\.ya?ml$/g, ""),
      workflow_ref: workflowRef,
      workflow_sha: sha,
      job_workflow_ref: workflowRef,
      job_workflow_sha: sha,
      ref,
      ref_type: ref.startsWith("refs/tags/") ? "tag" : "branch",
      ref_protected: "false",
      sha,
      base_ref: "",
      head_ref: "",
      event_name,
      actor,
      actor_id: String(stableId(actor)),
      runner_environment: "github-hosted",
    };
  }
}

function times(now: number) {
  return { iat: now, nbf: now - 10, exp: now + LIFE_S };
}

function newKey(number: number): SigningKey {
  return { kid: `simulated-github-${number}`, ...generateKeyPairSync("rsa", { modulusLength: 2048 }) };
}
