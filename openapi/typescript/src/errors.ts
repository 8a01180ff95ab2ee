/** Refusals as exceptions: `code` is what to act on, `requestId` finds the request in the service's log. */

import type { components } from "./generated.js";

export type FieldProblem = components["schemas"]["FieldProblem"];

/** What a refusal says. */
export interface Refusal {
  status: number;
  code: string;
  detail: string;
  requestId: string | undefined;
  /** With 422, each field at fault. */
  fields: FieldProblem[];
  /** Seconds, where the service says when to come back. */
  retryAfter: number | undefined;
}

/** The service refused. A `code` without a class of its own, today or later, is one of these. */
export class DoorwardError extends Error implements Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly requestId: string | undefined;
  readonly fields: FieldProblem[];
  readonly retryAfter: number | undefined;

  constructor(refusal: Refusal) {
    super(`${refusal.status} ${refusal.code}: ${refusal.detail}`);
    this.name = new.target.name;
    this.status = refusal.status;
    this.code = refusal.code;
    this.detail = refusal.detail;
    this.requestId = refusal.requestId;
    this.fields = refusal.fields;
    this.retryAfter = refusal.retryAfter;
  }
}

/** Unknown address, wrong password or disabled account: nobody is told which. */
export class BadCredentials extends DoorwardError {}
/** The current password, asked again, is not right. */
export class WrongPassword extends DoorwardError {}
/** No token, or one that has ended. */
export class NotAuthenticated extends DoorwardError {}
/** The refresh token no longer works: log in again. */
export class SessionEnded extends DoorwardError {}
/** Signed in, but the role does not permit it. */
export class NotPermitted extends DoorwardError {}
/** Someone has registered with this address. */
export class EmailTaken extends DoorwardError {}
/** The password was good for one use: log in with `newPassword`. */
export class PasswordChangeRequired extends DoorwardError {}
/** Fields are missing or break a rule; `fields` says which. */
export class InvalidInput extends DoorwardError {}
/** There is no such thing. */
export class NotFound extends DoorwardError {}
/** Too many attempts: wait `retryAfter` seconds. */
export class Throttled extends DoorwardError {}
/** Too busy, or its database is away: try again after `retryAfter` seconds. */
export class Unavailable extends DoorwardError {}

const BY_CODE: Record<string, typeof DoorwardError> = {
  bad_credentials: BadCredentials,
  wrong_password: WrongPassword,
  not_authenticated: NotAuthenticated,
  invalid_token: NotAuthenticated,
  invalid_grant: SessionEnded,
  insufficient_scope: NotPermitted,
  email_taken: EmailTaken,
  password_change_required: PasswordChangeRequired,
  invalid_input: InvalidInput,
  not_found: NotFound,
  throttled: Throttled,
  busy: Unavailable,
  unavailable: Unavailable,
};

/** The refusal that an answer is, also where a proxy gave it and not the service. */
export async function errorOf(response: Response): Promise<DoorwardError> {
  const body = (await response.json().catch(() => ({}))) as Partial<components["schemas"]["Problem"]> | null;
  const code = body?.code ?? ([502, 503, 504].includes(response.status) ? "unavailable" : "unknown");
  const detail = body?.detail ?? response.statusText;
  const retryAfter = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const Kind = (Object.hasOwn(BY_CODE, code) && BY_CODE[code]) || DoorwardError;
  return new Kind({
    status: response.status,
    code,
    detail: typeof detail === "string" ? detail : detail.map((field) => field.msg).join("; "),
    requestId: body?.request_id ?? response.headers.get("x-request-id") ?? undefined,
    fields: typeof detail === "string" ? [] : detail,
    retryAfter: Number.isNaN(retryAfter) ? undefined : retryAfter,
  });
}
