/** A small ACME client that talks to a service without HTTP, and lets a test break every rule. */
import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { AcmeResponse } from '../../../src/acme/request.ts';
import type { AcmeService } from '../../../src/acme/service.ts';
import { createNodeCrypto } from '../../../src/crypto/node.ts';
import { extension } from '../../../src/pki/build.ts';
import { hostGeneralName } from '../../../src/pki/general-name.ts';
import { encodeName } from '../../../src/pki/name.ts';
import { buildCertificateRequest } from '../../../src/pki/request.ts';

export const base64url = (value: string | Uint8Array | object): string =>
  Buffer.from(typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value)).toString(
    'base64url',
  );

export interface ClientKey {
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly jwk: Record<string, string>;
}

export function clientKey(alg = 'ES256'): ClientKey {
  const { privateKey, publicKey } =
    alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[alg] as string });
  return { alg, privateKey, jwk: publicKey.export({ format: 'jwk' }) as Record<string, string> };
}

export function thumbprint({ jwk }: ClientKey): string {
  const { crv, e, kty, n, x, y } = jwk;
  const required = Object.fromEntries(
    Object.entries({ crv, e, kty, n, x, y }).filter(([, value]) => value !== undefined),
  );
  return createHash('sha256').update(JSON.stringify(required)).digest('base64url');
}

/** A flattened JWS. @param payload an object, or `''` for a POST-as-GET. */
export function jws(key: ClientKey, header: object, payload: object | ''): Record<string, string> {
  const protectedText = base64url(header);
  const payloadText = payload === '' ? '' : base64url(payload);
  const hash = key.alg === 'EdDSA' ? null : `sha${key.alg.slice(2)}`;
  const text = Buffer.from(`${protectedText}.${payloadText}`);
  const signature = sign(hash, text, { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
  return { protected: protectedText, payload: payloadText, signature: base64url(signature) };
}

export function macJws(macKey: Uint8Array, header: object, payload: object): Record<string, string> {
  const protectedText = base64url(header);
  const payloadText = base64url(payload);
  const signature = createHmac('sha256', macKey).update(`${protectedText}.${payloadText}`).digest('base64url');
  return { protected: protectedText, payload: payloadText, signature };
}

export class TestClient {
  readonly service: AcmeService;
  key: ClientKey;
  kid: string | undefined;
  /** Where its requests come from. */
  address: string | undefined;
  #nonce: string | undefined;

  constructor(service: AcmeService, key = clientKey()) {
    this.service = service;
    this.key = key;
  }

  url(path: string): string {
    return this.service.baseUrl + path;
  }

  async nonce(): Promise<string> {
    const held = this.#nonce;
    this.#nonce = undefined;
    return held ?? headerOf(await this.service.handle({ method: 'HEAD', path: '/new-nonce' }), 'replay-nonce');
  }

  /** A signed POST. @param header what differs in the protected header. */
  async post(url: string, payload: object | '' = '', header: object = {}): Promise<AcmeResponse> {
    const path = url.startsWith('/') ? url : url.slice(this.service.baseUrl.length);
    const who = this.kid === undefined ? { jwk: this.key.jwk } : { kid: this.kid };
    const full = { alg: this.key.alg, nonce: await this.nonce(), url: this.url(path), ...who, ...header };
    return this.send(path, jws(this.key, full, payload));
  }

  async send(path: string, body: object, contentType = 'application/jose+json'): Promise<AcmeResponse> {
    const response = await this.service.handle({
      method: 'POST',
      path,
      contentType,
      body: Buffer.from(JSON.stringify(body)),
      address: this.address,
    });
    this.#nonce = headerOf(response, 'replay-nonce');
    return response;
  }

  async register(payload: object = {}): Promise<this> {
    const response = await this.post('/new-account', payload);
    assert.equal(response.status, 201, response.body);
    this.kid = headerOf(response, 'location');
    return this;
  }

  async order(...names: string[]): Promise<{ url: string; body: Order }> {
    const identifiers = names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? 'ip' : 'dns', value }));
    const response = await this.post('/new-order', { identifiers });
    assert.equal(response.status, 201, response.body);
    return { url: headerOf(response, 'location'), body: JSON.parse(response.body) };
  }

  /** Says of every authorization that its challenge of this type is met, and waits for the verdict. */
  async prove(order: Order, type = 'http-01'): Promise<string[]> {
    const statuses: string[] = [];
    for (const url of order.authorizations) {
      const authorization = bodyOf(await this.post(url)) as {
        challenges: { type: string; url: string }[];
        status: string;
      };
      const challenge = authorization.challenges.find((one) => one.type === type);
      assert.ok(challenge, `no ${type} in ${JSON.stringify(authorization)}`);
      await this.post(challenge.url, {});
      let status = 'pending';
      for (let i = 0; i < 2000 && status === 'pending'; i++) {
        status = (bodyOf(await this.post(url)) as { status: string }).status;
        if (status === 'pending') await new Promise((resolve) => setTimeout(resolve, 5));
      }
      statuses.push(status);
    }
    return statuses;
  }

  async finalize(order: Order, csr: Uint8Array): Promise<AcmeResponse> {
    return this.post(order.finalize, { csr: base64url(csr) });
  }

  /** From order to certificate (PEM). */
  async enrol(...names: string[]): Promise<{ pem: string; order: Order; der: Uint8Array }> {
    const { body } = await this.order(...names);
    assert.ok(
      (await this.prove(body, names[0]?.startsWith('*') ? 'dns-01' : 'http-01')).every((status) => status === 'valid'),
    );
    const { csr } = await request(names);
    const order = bodyOf(await this.finalize(body, csr)) as Order;
    assert.equal(order.status, 'valid', JSON.stringify(order));
    const { body: pem } = await this.post(order.certificate as string);
    const der = new Uint8Array(Buffer.from((pem.split('-----')[2] as string).replace(/\s/g, ''), 'base64'));
    return { pem, order, der };
  }
}

export interface Order {
  status: string;
  authorizations: string[];
  finalize: string;
  certificate?: string;
  identifiers: { type: string; value: string }[];
  error?: { type: string };
}

export const bodyOf = (response: AcmeResponse): unknown => JSON.parse(response.body);

export function headerOf(response: AcmeResponse, name: string): string {
  const value = response.headers[name];
  assert.equal(typeof value, 'string', `${name} in ${JSON.stringify(response)}`);
  return value as string;
}

/** The type of the problem that a response reports, without its prefix. */
export function problemOf(response: AcmeResponse): string {
  assert.ok(response.status >= 400, `${response.status} ${response.body}`);
  assert.equal(response.headers['content-type'], 'application/problem+json');
  return (bodyOf(response) as { type: string }).type.replace('urn:ietf:params:acme:error:', '');
}

/** A certificate request for these names, with its key. */
export async function request(
  names: readonly string[],
  key = clientKey(),
): Promise<{ csr: Uint8Array; key: ClientKey }> {
  const crypto = createNodeCrypto();
  const holder = crypto.importPrivateKey(new Uint8Array(key.privateKey.export({ format: 'der', type: 'pkcs8' })));
  const algorithm = { kind: 'ecdsa', hash: 'sha256' } as const;
  const csr = await buildCertificateRequest(
    {
      subject: encodeName([]),
      spki: holder.publicKey,
      extensions: [extension.subjectAltName(names.map(hostGeneralName))],
    },
    { algorithm, sign: (data) => holder.sign(algorithm, data) },
  );
  return { csr, key };
}
