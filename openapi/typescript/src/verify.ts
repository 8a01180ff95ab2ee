/**
 * Checks Doorward's access tokens in your own services: offline by its public keys, or by asking it.
 *
 * Offline costs no request, and a token that was ended early is believed until its `exp`; introspection costs one and sees every end at once.
 */

import { createRemoteJWKSet, decodeProtectedHeader, errors, jwtVerify } from "jose";

import { type Doorward, DoorwardError } from "./index.js";

/** The token is not one to believe: answer 401. */
export class InvalidToken extends Error {
  override name = "InvalidToken";
}

/** The keys or the service could not be asked: answer 503, never 401. */
export class VerifierUnavailable extends Error {
  override name = "VerifierUnavailable";
}

/** What a token says of who asks. `role` is what it was when the token was issued, or asked about. */
export interface Claims {
  subject: string;
  session: string;
  role: string;
  expiresAt: number;
  raw: Record<string, unknown>;
}

/** Throws `InvalidToken` or `VerifierUnavailable`. */
export type Verifier = (token: string) => Promise<Claims>;

export interface JwksOptions {
  issuer: string;
  audience?: string;
  /** `/.well-known/jwks.json` of the issuer, if absent. */
  jwksUri?: string;
  algorithms?: Algorithm[];
  /** Seconds that keys are kept. */
  lifespan?: number;
  /** Seconds at least between two fetches for unknown keys. */
  cooldown?: number;
  timeout?: number;
  leeway?: number;
}

export type Algorithm = "EdDSA" | "ES256" | "RS256";

const REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti", "sid", "role", "client_id"];
const UNAVAILABLE = ["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"];

/** Offline (the service signs with EdDSA, ES256 or RS256; with HS256 it publishes no keys). An unknown `kid` fetches the keys anew, once per cooldown. */
export function jwksVerifier(options: JwksOptions): Verifier {
  const { issuer, audience = "doorward", algorithms = ["EdDSA", "ES256", "RS256"], leeway = 5 } = options;
  const keys = createRemoteJWKSet(new URL(options.jwksUri ?? `${issuer.replace(/\/+$/, "")}/.well-known/jwks.json`), {
    cacheMaxAge: (options.lifespan ?? 300) * 1000,
    cooldownDuration: (options.cooldown ?? 30) * 1000,
    timeoutDuration: (options.timeout ?? 5) * 1000,
  });
  const expected = { issuer, audience, algorithms: [...algorithms], typ: "at+jwt", requiredClaims: REQUIRED, clockTolerance: leeway };
  return async (token) => {
    requireKeyId(token);
    try {
      const { payload } = await jwtVerify(token, keys, expected);
      return claimsOf(payload);
    } catch (cause) {
      if (cause instanceof InvalidToken) throw cause;
      const refused = cause instanceof errors.JOSEError && !UNAVAILABLE.includes(cause.code);
      if (refused) throw new InvalidToken(cause.message, { cause });
      throw new VerifierUnavailable("the public keys could not be fetched", { cause });
    }
  };
}

/** What `doorward client create` prints. */
export interface ClientCredentials {
  clientId: string;
  clientSecret: string;
}

/**
 * By asking the service (RFC 7662): with credentials and a client to which nobody is logged in, or with a client that is logged in to an account.
 * Either needs the permission `tokens:introspect`. The session of an account ends at its maximal age; credentials do not.
 */
export function introspectionVerifier(client: Doorward, credentials?: ClientCredentials): Verifier {
  const authentication = credentials && { client_id: credentials.clientId, client_secret: credentials.clientSecret };
  return async (token) => {
    let answer: Record<string, unknown> | undefined;
    try {
      const headers = { "Content-Type": "application/x-www-form-urlencoded" };
      answer = (await client.api.POST("/oauth/introspect", { headers, body: { token, ...authentication } })).data;
    } catch (cause) {
      if (cause instanceof DoorwardError && ["invalid_request", "too_large"].includes(cause.code)) throw new InvalidToken("not a token", { cause });
      throw new VerifierUnavailable("the service could not be asked", { cause });
    }
    // A refresh token is none. Servers of version 0.1.0 call an access token access_token.
    if (answer?.["active"] !== true || !["Bearer", "access_token"].includes(String(answer["token_type"]))) throw new InvalidToken("not active");
    return claimsOf(answer);
  };
}

function requireKeyId(token: string): void {
  try {
    if (typeof decodeProtectedHeader(token).kid === "string") return;
  } catch {
    // Not a token at all.
  }
  throw new InvalidToken("no token, or one without a key");
}

function claimsOf(raw: Record<string, unknown>): Claims {
  const { sub, sid, role, exp } = raw;
  if (typeof sub !== "string" || typeof sid !== "string" || typeof role !== "string" || typeof exp !== "number") throw new InvalidToken("claims are missing");
  return { subject: sub, session: sid, role, expiresAt: exp, raw };
}
