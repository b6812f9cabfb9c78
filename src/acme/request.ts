import type { AccountKey, Jws } from './jws.ts';
import type { Account } from './state.ts';

/** An HTTP request to the service. */
export interface AcmeRequest {
  readonly method: string;
  /** Below the base URL, with a leading `/`, with query. */
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: Uint8Array | undefined;
  /** Where it comes from: accounts that nobody vouches for are counted by it. */
  readonly address?: string | undefined;
}

/** What is answered. */
export interface AcmeResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: string;
}

/** A request whose signature, nonce and URL were checked. */
export interface SignedRequest {
  readonly jws: Jws;
  /** The key that signed. */
  readonly key: AccountKey;
  /** The account of the `kid`; `undefined` where the request was signed with a `jwk`. */
  readonly account: Account | undefined;
  /** The payload; `undefined` for a POST-as-GET. */
  readonly payload: Readonly<Record<string, unknown>> | undefined;
  /** Where it comes from, if that is known. */
  readonly address: string | undefined;
}

/** An answer in JSON. */
export function json(status: number, body: unknown, headers: AcmeResponse['headers'] = {}): AcmeResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: `${JSON.stringify(body)}\n` };
}
