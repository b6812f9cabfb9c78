/** Options for engine tests: credentials and trust of the test authority, and the cryptography of the test run. */
import type { VerifyPeer } from '../../src/engine/config.ts';
import { localSigner } from '../../src/engine/signer.ts';
import type { Credential } from '../../src/handshake/config.ts';
import { createTrustAnchors } from '../../src/pki/verify/anchors.ts';
import { verifyChainOrThrow } from '../../src/pki/verify/verify-chain.ts';
import { testCrypto } from './crypto.ts';
import { type IdentityName, rootDer, testIdentity } from './pki.ts';

/** That of `node:crypto`, unless the test run asks for the portable one. */
export const nodeCrypto = testCrypto();

/** A credential of the test authority. */
export function testCredential(name: IdentityName): Credential {
  const { chain, key } = testIdentity(name);
  return { chain, signer: localSigner(nodeCrypto.importPrivateKey(key)) };
}

const anchors = createTrustAnchors([rootDer]);

/** Trusts what the test root signed, for the name that was asked for. */
export const verifyWithTestRoot: VerifyPeer = ({ role, chain, serverName }) => {
  const now = Date.now();
  const name = role === 'server' && serverName !== undefined ? { name: serverName } : {};
  verifyChainOrThrow({ chain, anchors, now, profile: role, crypto: nodeCrypto, ...name });
  return undefined;
};
