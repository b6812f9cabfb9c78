/** Options for engine tests: credentials and trust of the test authority, and the cryptography of this Node. */
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { schemesForKey, signatureScheme } from '../../src/crypto/signature-schemes.ts';
import type { VerifyPeer } from '../../src/engine/config.ts';
import type { Credential, Signer } from '../../src/handshake/config.ts';
import { createTrustAnchors } from '../../src/pki/verify/anchors.ts';
import { verifyChainOrThrow } from '../../src/pki/verify/verify-chain.ts';
import { type IdentityName, rootDer, testIdentity } from './pki.ts';

export const nodeCrypto = createNodeCrypto();

/** A signer for a private key in PKCS#8 (DER). With `later`, its answers come later: like a key in an HSM. */
export function testSigner(pkcs8: Uint8Array, later = false): Signer {
  const key = nodeCrypto.importPrivateKey(pkcs8);
  const soon = <T>(value: T): T | Promise<T> =>
    later ? new Promise((resolve) => setImmediate(resolve, value)) : value;
  return {
    keyType: key.type,
    schemes: [...new Set([...schemesForKey(key.type, key.bits, 0x0304), ...schemesForKey(key.type, key.bits, 0x0303)])],
    sign(code, data) {
      const scheme = signatureScheme(code);
      if (scheme === undefined) throw new Error(`no such scheme: 0x${code.toString(16)}`);
      return soon(key.sign(scheme.algorithm, data));
    },
    decryptRaw: (ciphertext) => soon(key.decryptRaw(ciphertext)),
  };
}

/** A credential of the test authority. */
export function testCredential(name: IdentityName, later = false): Credential {
  const { chain, key } = testIdentity(name);
  return { chain, signer: testSigner(key, later) };
}

const anchors = createTrustAnchors([rootDer]);

/** Trusts what the test root signed, for the name that was asked for. */
export const verifyWithTestRoot: VerifyPeer = ({ role, chain, serverName }) => {
  const now = Date.now();
  const name = role === 'server' && serverName !== undefined ? { name: serverName } : {};
  verifyChainOrThrow({ chain, anchors, now, profile: role, crypto: nodeCrypto, ...name });
  return undefined;
};
