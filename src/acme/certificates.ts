import { equal, fromHex, toHex } from '../bytes/bytes.ts';
import { bytes, check } from '../bytes/check.ts';
import type { IssueRecord, RevocationReason } from '../ca/log.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { crlReasonName } from '../pki/crl.ts';
import { fromBase64Url, toBase64Url } from './base64url.ts';
import type { AcmeContext } from './context.ts';
import { AcmeProblem } from './problem.ts';
import { type AcmeResponse, json, type SignedRequest } from './request.ts';
import type { Account, Identifier } from './state.ts';

const hour = 3_600_000;
const day = 24 * hour;

/** Downloads a certificate (RFC 8555, Section 7.4.2): the chain in PEM, leaf first, without the root. */
export function downloadCertificate(context: AcmeContext, account: Account, serial: string): AcmeResponse {
  const order = context.state.bySerial.get(serial);
  if (order === undefined) throw notFound();
  if (order.account !== account.id) throw new AcmeProblem('unauthorized', 'the certificate belongs to another account');
  const { chainPem } = context.settings.ca.certificate(serial);
  return { status: 200, headers: { 'content-type': 'application/pem-certificate-chain' }, body: chainPem };
}

/**
 * revokeCert (Section 7.6): by the account that ordered it, by an account that has shown control over all its names, or
 * by the certificate's own key.
 */
export async function revokeCertificate(context: AcmeContext, request: SignedRequest): Promise<AcmeResponse> {
  const { certificate, reason: code = 0 } = request.payload ?? {};
  const der = typeof certificate === 'string' ? fromBase64Url(certificate) : undefined;
  if (der === undefined) throw new AcmeProblem('malformed', 'the payload has no certificate in base64url');
  const record = recordOfCertificate(context, der);
  if (!mayRevoke(context, request, record, der)) {
    throw new AcmeProblem('unauthorized', 'neither the account nor the key may revoke this certificate');
  }
  const reason = typeof code === 'number' ? crlReasonName(code) : undefined;
  if (reason === undefined || !(acceptedReasons as readonly string[]).includes(reason)) {
    throw new AcmeProblem('badRevocationReason', `the reason is none of ${acceptedReasons.join(', ')}`);
  }
  if (record.revoked !== undefined) throw new AcmeProblem('alreadyRevoked', 'the certificate was revoked before');
  await context.settings.ca.revoke(record.serial, reason as RevocationReason);
  return { status: 200, headers: {}, body: '' };
}

/** Reasons that a subscriber may give. */
const acceptedReasons = [
  'unspecified',
  'keyCompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
] as const satisfies readonly RevocationReason[];

/** When a certificate should be renewed (RFC 9773): in its last third, at once where it was revoked. */
export function renewalInfo(context: AcmeContext, certificateId: string): AcmeResponse {
  const record = recordOfId(context, certificateId);
  if (record === undefined) throw notFound();
  const { start, end } = renewalWindow(record);
  const window = { start: new Date(start).toISOString(), end: new Date(end).toISOString() };
  return json(200, { suggestedWindow: window }, { 'retry-after': String((6 * hour) / 1000) });
}

/** Both in milliseconds since 1970. */
function renewalWindow(record: Pick<IssueRecord, 'notBefore' | 'notAfter' | 'revoked'>): {
  start: number;
  end: number;
} {
  // RFC 9773, Section 4.2: a window in the past says "now".
  if (record.revoked !== undefined) return { start: record.revoked.at - hour, end: record.revoked.at };
  const lifetime = record.notAfter - record.notBefore;
  const start = lifetime < 10 * day ? record.notBefore + lifetime / 2 : record.notAfter - lifetime / 3;
  return { start, end: start + Math.min(lifetime / 12, 2 * day) };
}

/** The certificate identifier of RFC 9773, Section 4.1: key identifier of the issuer and serial number. */
export function certificateId(certificate: Uint8Array): string {
  check(bytes, certificate, 'certificateId: certificate');
  const { decoded, serialNumber } = parseCertificate(certificate);
  const keyId = decoded.authorityKeyIdentifier?.keyIdentifier ?? new Uint8Array(0);
  return `${toBase64Url(keyId)}.${toBase64Url(serialNumber)}`;
}

/** The serial number that a newOrder `replaces` (RFC 9773, Section 5). */
export function replacedSerial(
  context: AcmeContext,
  account: Account,
  replaces: unknown,
  identifiers: readonly Identifier[],
): string {
  const record = typeof replaces === 'string' ? recordOfId(context, replaces) : undefined;
  const before = record === undefined ? undefined : context.state.bySerial.get(record.serial);
  if (record === undefined || before === undefined) {
    throw new AcmeProblem('malformed', 'replaces names no certificate that was ordered here');
  }
  if (before.account !== account.id)
    throw new AcmeProblem('unauthorized', 'the certificate to replace belongs to another account');
  const names = new Set(before.identifiers.map(({ value }) => value));
  if (!identifiers.some(({ value }) => names.has(value))) {
    throw new AcmeProblem('malformed', 'the certificate to replace shares no identifier with the order');
  }
  const other = context.state.replacedBy.get(record.serial);
  const taken = other !== undefined && context.state.orderStatus(other, context.now()) !== 'invalid';
  if (taken || context.settings.ca.replacedBy(record.serial) !== undefined) {
    throw new AcmeProblem('alreadyReplaced', 'another order replaces this certificate already');
  }
  return record.serial;
}

function recordOfId(context: AcmeContext, id: string): IssueRecord | undefined {
  const [keyId, serial, more] = id.split('.').map(fromBase64Url);
  if (keyId === undefined || serial === undefined || more !== undefined) return undefined;
  const record = context.settings.ca.find(toHex(serial));
  if (record?.status !== 'issued') return undefined;
  return id === certificateId(record.certificate as Uint8Array) ? record : undefined;
}

function recordOfCertificate(context: AcmeContext, der: Uint8Array): IssueRecord {
  let serial: string;
  try {
    serial = toHex(parseCertificate(der).serialNumber);
  } catch {
    throw new AcmeProblem('malformed', 'the payload holds no certificate');
  }
  const record = context.settings.ca.find(serial);
  if (record?.certificate === undefined || !equal(record.certificate, der)) {
    throw new AcmeProblem('malformed', 'the certificate was not issued here', { status: 404 });
  }
  return record;
}

function mayRevoke(context: AcmeContext, request: SignedRequest, record: IssueRecord, der: Uint8Array): boolean {
  const { account, key } = request;
  if (account === undefined) {
    return equal(parseCertificate(der).spki, new Uint8Array(key.key.export({ format: 'der', type: 'spki' })));
  }
  if (context.state.bySerial.get(record.serial)?.account === account.id) return true;
  const shown = new Set<string>();
  for (const id of account.orders.flatMap((order) => context.state.orders.get(order)?.authorizations ?? [])) {
    const authorization = context.state.authorizations.get(id);
    if (authorization === undefined || context.state.authorizationStatus(authorization, context.now()) !== 'valid')
      continue;
    shown.add((authorization.wildcard ? '*.' : '') + authorization.identifier.value);
  }
  return record.names.length > 0 && record.names.every((name) => shown.has(name));
}

function notFound(): AcmeProblem {
  return new AcmeProblem('malformed', 'there is no such certificate', { status: 404 });
}

/** The serial number in a path, as the authority writes it; `undefined` for what is none. */
export function serialInPath(text: string): string | undefined {
  try {
    return toHex(fromHex(text)) === text && text !== '' ? text : undefined;
  } catch {
    return undefined;
  }
}
