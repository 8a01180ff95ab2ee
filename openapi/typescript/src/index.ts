/** Client of Doorward. `doorward/verify` checks its tokens in your own services, `doorward/express` guards routes with it. */

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./generated.js";
import { TokenHolder, type Tokens } from "./tokens.js";

export * from "./errors.js";
export type { components, paths } from "./generated.js";
export type { Tokens } from "./tokens.js";

export type Me = components["schemas"]["Me"];
export type Session = components["schemas"]["Session"];
export type TokenResponse = components["schemas"]["TokenResponse"];

export interface Options {
  /** Those that `onTokens` was given earlier. */
  tokens?: Tokens;
  /** Told of every change: what to store, if the session is to outlive the process. */
  onTokens?: (tokens: Tokens) => void;
  /** Another fetch than the platform's. */
  fetch?: typeof fetch;
}

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const NONE: Tokens = { accessToken: undefined, refreshToken: undefined };

/** A client of one session. Each method throws a `DoorwardError` if it is refused. */
export class Doorward {
  /** Every other operation, with this client's tokens: `client.api.GET("/users", …)`. */
  readonly api: Client<paths>;
  readonly #public: Client<paths>;
  readonly #holder: TokenHolder;

  constructor(baseUrl: string, options: Options = {}) {
    const send = options.fetch ?? ((...call: Parameters<typeof fetch>) => globalThis.fetch(...call));
    this.#holder = new TokenHolder(baseUrl, options.tokens ?? {}, send, options.onTokens);
    this.api = createClient<paths>({ baseUrl, fetch: this.#holder.fetch });
    this.#public = createClient<paths>({ baseUrl, fetch: this.#holder.fetchPublic });
  }

  get tokens(): Tokens {
    return this.#holder.tokens;
  }

  /** Makes an account; it does not log in. */
  async register(email: string, password: string): Promise<Me> {
    return value(await this.#public.POST("/register", { body: { email, password } }));
  }

  /** Opens a session and holds its tokens. */
  async login(email: string, password: string, options: { newPassword?: string } = {}): Promise<TokenResponse> {
    const { device } = this.tokens;
    const { newPassword } = options;
    const answer = await this.#public.POST("/login", {
      params: { header: device === undefined ? {} : { "Doorward-Device": device } },
      headers: FORM,
      body: { username: email, password, ...(newPassword === undefined ? {} : { new_password: newPassword }) },
    });
    const tokens = value(answer);
    const ticket = answer.response.headers.get("doorward-device");
    this.#holder.keep({ accessToken: tokens.access_token, refreshToken: tokens.refresh_token, ...(ticket === null ? {} : { device: ticket }) });
    return tokens;
  }

  /** Takes the next tokens now; calls do it by themselves when theirs have ended. */
  async refresh(): Promise<void> {
    await this.#holder.refresh();
  }

  /** Ends this session, the `others`, or `all`. */
  async logout(scope: "this" | "others" | "all" = "this"): Promise<void> {
    await this.api.POST("/logout", { params: { query: { scope } } });
    if (scope !== "others") this.#holder.keep(NONE);
  }

  /** The account, as it stands now. */
  async me(): Promise<Me> {
    return value(await this.api.GET("/me"));
  }

  /** The account's live sessions. */
  async sessions(): Promise<Session[]> {
    return value(await this.api.GET("/me/sessions"));
  }

  /** Ends one of them. */
  async endSession(id: string): Promise<void> {
    await this.api.DELETE("/me/sessions/{id}", { params: { path: { id } } });
  }

  /** Another address for the account. */
  async changeEmail(email: string, currentPassword: string): Promise<Me> {
    return value(await this.api.PATCH("/me", { body: { email, current_password: currentPassword } }));
  }

  /** Another password; every other session ends, and this one goes on with new tokens. */
  async changePassword(currentPassword: string, newPassword: string): Promise<void> {
    await this.#holder.replace(async (fetch) => {
      const body = { current_password: currentPassword, new_password: newPassword };
      return value(await this.api.PUT("/me/password", { body, fetch }));
    });
  }

  /** Ends the account. */
  async deleteMe(currentPassword: string): Promise<void> {
    await this.api.DELETE("/me", { body: { current_password: currentPassword } });
    this.#holder.keep(NONE);
  }
}

/** What a success says: refusals were thrown before. */
function value<T>(answer: { data?: T }): NonNullable<T> {
  if (answer.data === undefined || answer.data === null) throw new TypeError("the service answered with nothing");
  return answer.data;
}
