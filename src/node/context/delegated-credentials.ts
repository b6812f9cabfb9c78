/** Delegated credentials (RFC 9345) in the options of the shell: a certificate lets another key speak for some days. */
import type { KeyObject } from 'node:crypto';
import { signatureSchemeCodes } from '../../crypto/signature-schemes.ts';
import {
  createDelegatedCredential as createCredential,
  delegatedCredential,
} from '../../engine/delegated-credential.ts';
import type { Credential } from '../base/engine-types.ts';
import { createSigner, importKey, nodeCrypto } from '../base/key-signer.ts';
import { invalidArgValue, nodeError, validateBuffer, validateObject } from '../base/node-errors.ts';
import { readCertificates } from './context-files.ts';
import { readPrivateKey, spkiOf } from './raw-public-keys.ts';

type KeyInput = string | NodeJS.ArrayBufferView | KeyObject;

/** The option `delegatedCredential`, beside `cert`. */
export interface DelegatedCredentialOptions {
  /** What `createDelegatedCredential` gave. */
  credential: Uint8Array;
  /** The private key that it is for. */
  key: KeyInput;
}

/** What a delegated credential is made of, where the certificate's key is. */
export interface NewDelegatedCredential {
  /** The certificate, PEM; it has the extension DelegationUsage (1.3.6.1.4.1.44363.44). */
  cert: string | NodeJS.ArrayBufferView;
  /** The certificate's private key. */
  key: KeyInput;
  /** The key that is let speak: ECDSA or EdDSA. Its private half need not be here. */
  publicKey: KeyInput;
  /** From now on; at most 604,800 (seven days). */
  seconds: number;
  /** Default: `server`. */
  role?: 'server' | 'client' | undefined;
}

/** Lets a key speak for a certificate, at most seven days long (RFC 9345). */
export function createDelegatedCredential(options: NewDelegatedCredential): Buffer {
  validateObject(options, 'options');
  const { cert, key, publicKey, seconds, role = 'server' } = options;
  if (typeof cert !== 'string') validateBuffer(cert, 'options.cert');
  const [certificate] = readCertificates(cert, 'cert');
  try {
    return Buffer.from(
      createCredential(nodeCrypto(), {
        certificate: certificate as Uint8Array,
        key: importKey(readPrivateKey(key, 'options.key')),
        publicKey: spkiOf(publicKey),
        seconds,
        role,
      }),
    );
  } catch (cause) {
    throw nodeError('ERR_INVALID_ARG_VALUE', (cause as Error).message, TypeError, cause);
  }
}

/** What is taken of peers with `acceptDelegatedCredentials`: as far as `sigalgs` allows it. */
export function delegatedSchemes(signatureSchemes: readonly number[] | undefined): readonly number[] {
  const all = [
    signatureSchemeCodes.ecdsa_secp256r1_sha256,
    signatureSchemeCodes.ed25519,
    signatureSchemeCodes.ecdsa_secp384r1_sha384,
    signatureSchemeCodes.ecdsa_secp521r1_sha512,
  ];
  return signatureSchemes === undefined ? all : all.filter((code) => signatureSchemes.includes(code));
}

/** Reads the option: the credential for the one of these certificates that has delegated. */
export function readDelegatedCredential(
  given: unknown,
  credentials: readonly Credential[],
  inThreadPool: boolean | undefined,
): Credential {
  const name = 'options.delegatedCredential';
  validateObject(given, name);
  const { credential, key } = given as Partial<DelegatedCredentialOptions>;
  validateBuffer(credential, `${name}.credential`);
  const read = readPrivateKey(key, `${name}.key`);
  const bytes = new Uint8Array(credential);
  let problem: unknown;
  for (const { chain } of credentials) {
    for (const role of ['server', 'client'] as const) {
      try {
        const made = delegatedCredential(nodeCrypto(), [...chain], bytes, importKey(read), role);
        return { ...made, signer: createSigner(read, inThreadPool) };
      } catch (error) {
        problem ??= error;
      }
    }
  }
  if (problem === undefined) throw invalidArgValue(name, 'a credential', 'needs its certificate in options.cert');
  throw nodeError('ERR_INVALID_ARG_VALUE', `${name}: ${(problem as Error).message}`, TypeError, problem);
}
