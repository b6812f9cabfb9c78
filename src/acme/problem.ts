/** Error types of ACME (RFC 8555, Section 6.7; RFC 9773; draft-ietf-acme-profiles) with their usual HTTP status. */
const statuses = {
  accountDoesNotExist: 400,
  alreadyReplaced: 409,
  alreadyRevoked: 400,
  badCSR: 400,
  badNonce: 400,
  badPublicKey: 400,
  badRevocationReason: 400,
  badSignatureAlgorithm: 400,
  connection: 400,
  dns: 400,
  externalAccountRequired: 403,
  incorrectResponse: 403,
  invalidContact: 400,
  invalidProfile: 400,
  malformed: 400,
  orderNotReady: 403,
  rateLimited: 429,
  rejectedIdentifier: 400,
  serverInternal: 500,
  tls: 400,
  unauthorized: 403,
  unsupportedContact: 400,
  unsupportedIdentifier: 400,
  userActionRequired: 403,
} as const;

/** The last part of a problem's URN (RFC 8555, Section 6.7). */
export type ProblemType = keyof typeof statuses;

/** A problem document (RFC 9457) as it stands in an answer and in the journal. */
export interface ProblemDocument {
  readonly type: string;
  readonly detail: string;
  readonly status: number;
  readonly identifier?: { readonly type: string; readonly value: string };
  readonly subproblems?: readonly ProblemDocument[];
  readonly algorithms?: readonly string[];
}

/** What a request is refused with. */
export class AcmeProblem extends Error {
  override name = 'AcmeProblem';
  readonly type: ProblemType;
  readonly status: number;
  readonly more: Pick<ProblemDocument, 'identifier' | 'subproblems' | 'algorithms'>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    type: ProblemType,
    detail: string,
    options: {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly more?: Pick<ProblemDocument, 'identifier' | 'subproblems' | 'algorithms'>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.type = type;
    this.status = options.status ?? statuses[type];
    this.more = options.more ?? {};
    this.headers = options.headers ?? {};
  }

  document(): ProblemDocument {
    return { type: `urn:ietf:params:acme:error:${this.type}`, detail: this.message, status: this.status, ...this.more };
  }
}
