/** Who holds the tokens: adds the bearer, and at a 401 refreshes once for all calls that wait. */

import { errorOf, SessionEnded } from "./errors.js";

/** What to keep of a session. The device's ticket outlives it: it lets this device log in while others' failures lock the account. */
export interface Tokens {
  accessToken?: string | undefined;
  refreshToken?: string | undefined;
  device?: string | undefined;
}

/** What an answer with tokens says. */
interface Pair {
  access_token: string;
  refresh_token: string;
}

export class TokenHolder {
  #refreshing: Promise<void> | undefined;
  #replacing: Promise<void> | undefined;
  readonly #refreshUrl: string;

  constructor(
    baseUrl: string,
    public tokens: Tokens,
    private readonly send: typeof fetch,
    private readonly onChange: ((tokens: Tokens) => void) | undefined,
  ) {
    this.#refreshUrl = `${baseUrl.replace(/\/+$/, "")}/refresh`;
  }

  /** Takes new ones and tells whoever stores them. */
  keep(changes: Tokens): void {
    this.tokens = { ...this.tokens, ...changes };
    this.onChange?.(this.tokens);
  }

  /** A call without a token; a refusal is thrown. */
  fetchPublic = async (request: Request): Promise<Response> => {
    const response = await this.send(request);
    if (!response.ok) throw await errorOf(response);
    return response;
  };

  /** A call with the token, and the same again after a refresh. Told by what the server says, not by a clock. */
  fetch = (request: Request): Promise<Response> =>
    this.#send(request, async (used) => {
      await this.#replacing;
      if (this.tokens.accessToken === used) await this.refresh();
    });

  async #send(request: Request, refresh: (used: string) => Promise<void>): Promise<Response> {
    const used = this.tokens.accessToken;
    if (used === undefined) return this.fetchPublic(request);
    const again = request.clone();
    const response = await this.send(bearing(request, used));
    if (response.ok) return response;
    if (response.status !== 401) throw await errorOf(response);
    if (this.tokens.accessToken === used && this.tokens.refreshToken !== undefined) await refresh(used);
    const next = this.tokens.accessToken;
    if (next === undefined || next === used) throw await errorOf(response);
    await response.body?.cancel();
    return this.fetchPublic(bearing(again, next));
  }

  /** The next tokens; calls meanwhile wait for the same. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  /** A call whose answer replaces the tokens: other calls wait for it before they refresh, because the older ones end with it. */
  async replace(call: (send: (request: Request) => Promise<Response>) => Promise<Pair>): Promise<void> {
    await this.#refreshing?.catch(() => undefined);
    const replaced = call((request) => this.#send(request, () => this.refresh())).then((next) => this.#take(next));
    this.#replacing = replaced.catch(() => undefined).finally(() => (this.#replacing = undefined));
    await replaced;
  }

  #take(next: Pair): void {
    this.keep({ accessToken: next.access_token, refreshToken: next.refresh_token });
  }

  async #refresh(): Promise<void> {
    const refreshToken = this.tokens.refreshToken;
    if (refreshToken === undefined) {
      const detail = "There is no session: log in";
      throw new SessionEnded({ status: 400, code: "invalid_grant", detail, requestId: undefined, fields: [], retryAfter: undefined });
    }
    const body = new URLSearchParams({ refresh_token: refreshToken });
    const response = await this.send(new Request(this.#refreshUrl, { method: "POST", body }));
    if (!response.ok) {
      const error = await errorOf(response);
      if (error instanceof SessionEnded) this.keep({ accessToken: undefined, refreshToken: undefined });
      throw error;
    }
    this.#take((await response.json()) as Pair);
  }
}

function bearing(request: Request, token: string): Request {
  request.headers.set("authorization", `Bearer ${token}`);
  return request;
}
