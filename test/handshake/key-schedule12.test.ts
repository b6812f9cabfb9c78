import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concat } from '../../src/bytes/bytes.ts';
import { cipherSuites } from '../../src/crypto/cipher-suites.ts';
import { prf12 } from '../../src/crypto/prf12.ts';
import { MasterSecret } from '../../src/handshake/key-schedule12.ts';
import { crypto } from './pair.ts';

const randoms = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) };

// Two sides of this stack that both cut it wrong would still understand each other.
for (const suite of cipherSuites.filter(({ version }) => version === 0x0303)) {
  test(`the key block of ${suite.name} (RFC 5246, Section 6.3)`, () => {
    const secret = new Uint8Array(48).fill(3);
    const macLength = suite.cbc?.macLength ?? 0;
    const { keyLength, ivLength } = suite;
    const seed = concat(randoms.server, randoms.client);
    const block = prf12(
      crypto,
      suite.hash,
      secret.slice(),
      'key expansion',
      seed,
      2 * (macLength + keyLength + ivLength),
    );
    let at = 0;
    const next = (length: number) => block.slice(at, (at += length));
    // "client_write_MAC_key, server_write_MAC_key, client_write_key, server_write_key, client_write_IV, server_write_IV"
    const macs = [next(macLength), next(macLength)];
    const keys = [next(keyLength), next(keyLength)];
    const ivs = [next(ivLength), next(ivLength)];
    const cut = new MasterSecret(crypto, suite, secret, randoms, true).keys(true);
    for (const [i, side] of [cut.client, cut.server].entries()) {
      assert.deepEqual([side.key, side.iv, side.macKey ?? new Uint8Array(0)], [keys[i], ivs[i], macs[i]]);
      assert.equal(side.encryptThenMac, suite.cbc !== undefined);
    }
  });
}
