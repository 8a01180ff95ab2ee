/** Express middleware: `app.get("/orders", guard(verifier), …)` answers 401 to whoever has no good token, and puts who asks in `request.doorward`. */

import { type Claims, InvalidToken, type Verifier, VerifierUnavailable } from "./verify.js";

declare global {
  // The name under which @types/express lets its request grow.
  namespace Express {
    interface Request {
      doorward?: Claims;
    }
  }
}

interface Request {
  headers: { authorization?: string | undefined };
  doorward?: Claims;
}

interface Response {
  status(code: number): this;
  set(name: string, value: string): this;
  json(body: unknown): unknown;
}

export function guard(verify: Verifier): (request: Request, response: Response, next: (cause?: unknown) => void) => Promise<void> {
  return async (request, response, next) => {
    const [, token] = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? "") ?? [];
    if (token === undefined) {
      response.status(401).set("WWW-Authenticate", "Bearer").json({ detail: "Not authenticated" });
      return;
    }
    try {
      request.doorward = await verify(token);
    } catch (cause) {
      if (cause instanceof InvalidToken) {
        response.status(401).set("WWW-Authenticate", 'Bearer error="invalid_token"').json({ detail: "Could not validate credentials" });
      } else if (cause instanceof VerifierUnavailable) {
        response.status(503).set("Retry-After", "5").json({ detail: "Tokens cannot be checked, try again shortly" });
      } else {
        next(cause);
      }
      return;
    }
    next();
  };
}
