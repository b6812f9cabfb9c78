import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createECDH } from 'node:crypto';
import test, { describe } from 'node:test';
import { fromHex, toHex } from '../../src/bytes/bytes.ts';
import { checkedMlKem, portableMlKem } from '../../src/crypto/ml-kem.ts';
import { namedGroups } from '../../src/crypto/named-groups.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { mlKem, nativeMlKem } from '../../src/crypto/node-ml-kem.ts';
import type { GroupName, KeyExchange } from '../../src/crypto/provider.ts';
import { PeerError, TlsError } from '../../src/errors.ts';
import { providers } from '../helpers/crypto.ts';
import { execArgv, moduleLiteral } from '../helpers/process.ts';

const groups = Object.keys(namedGroups) as GroupName[];

function refused(action: () => unknown): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof PeerError, String(error));
    assert.equal(error.code, 'ERR_TLS_KEY_SHARE');
    assert.equal(error.alert, 'illegalParameter');
    return true;
  });
}

for (const crypto of providers) {
  describe(crypto.name, () => {
    function exchange(group: GroupName): KeyExchange {
      const found = crypto.keyExchange(group);
      assert.ok(found !== undefined, `no key exchange for ${group}`);
      return found;
    }

    test('both sides of every group agree on a secret, a fresh one each time', () => {
      for (const group of groups) {
        const kex = exchange(group);
        const secrets = new Set<string>();
        for (let i = 0; i < 3; i++) {
          const pending = kex.generate();
          assert.equal(pending.group, group);
          assert.equal(pending.share.length, kex.clientShareLength);
          const answer = kex.respond(pending.share);
          assert.equal(answer.share.length, kex.serverShareLength);
          const secret = toHex(pending.finish(answer.share));
          assert.equal(secret, toHex(answer.secret), group);
          secrets.add(secret);
        }
        assert.equal(secrets.size, 3);
      }
    });

    test('shares and secrets have the sizes of the RFCs', () => {
      const sizes: Readonly<Record<string, readonly number[]>> = {
        X25519MLKEM768: [1216, 1120, 64],
        SecP256r1MLKEM768: [1249, 1153, 64],
        SecP384r1MLKEM1024: [1665, 1665, 80],
        MLKEM1024: [1568, 1568, 32],
        x25519: [32, 32, 32],
        secp256r1: [65, 65, 32],
        secp384r1: [97, 97, 48],
        secp521r1: [133, 133, 66],
      };
      for (const group of groups) {
        const kex = exchange(group);
        const { secret } = kex.respond(kex.generate().share);
        assert.deepEqual([kex.clientShareLength, kex.serverShareLength, secret.length], sizes[group], group);
      }
    });

    test('a share of a wrong length is refused by both sides', () => {
      for (const group of groups) {
        const kex = exchange(group);
        const { share } = kex.generate();
        for (const bad of [new Uint8Array(0), share.slice(1), new Uint8Array(share.length + 1)]) {
          refused(() => kex.respond(bad));
        }
        refused(() => kex.generate().finish(new Uint8Array(kex.serverShareLength - 1)));
      }
    });

    test('X25519 refuses the points of small order (RFC 7748, Section 6.1)', () => {
      const smallOrder = [
        '0000000000000000000000000000000000000000000000000000000000000000',
        '0100000000000000000000000000000000000000000000000000000000000000',
        'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
        '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
        'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
        'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
        'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      ].map(fromHex);
      for (const point of smallOrder) {
        refused(() => exchange('x25519').respond(point));
        refused(() => exchange('x25519').generate().finish(point));
        const { share } = exchange('X25519MLKEM768').generate();
        share.set(point, 1184);
        refused(() => exchange('X25519MLKEM768').respond(share));
      }
    });

    test('ECDH refuses what is no uncompressed point of the curve', () => {
      for (const [group, curve] of [
        ['secp256r1', 'prime256v1'],
        ['secp384r1', 'secp384r1'],
        ['secp521r1', 'secp521r1'],
      ] as const) {
        const kex = exchange(group);
        const peer = createECDH(curve);
        const good = new Uint8Array(peer.generateKeys());
        const answer = kex.respond(good);
        assert.equal(toHex(answer.secret), peer.computeSecret(answer.share).toString('hex'));
        refused(() => kex.respond(new Uint8Array(peer.getPublicKey(null, 'compressed'))));
        const offCurve = good.slice();
        offCurve[offCurve.length - 1] = (offCurve[offCurve.length - 1] as number) ^ 1;
        refused(() => kex.respond(offCurve));
        const hybridForm = good.slice();
        hybridForm[0] = 6;
        refused(() => kex.respond(hybridForm));
        const beyondField = new Uint8Array(good.length).fill(0xff);
        beyondField[0] = 4;
        refused(() => kex.respond(beyondField));
        refused(() => kex.respond(new Uint8Array(good.length)));
      }
    });

    test('the hybrids refuse an ML-KEM key whose coefficients are not reduced (FIPS 203, Section 7.2)', () => {
      for (const [group, kemAt] of [
        ['X25519MLKEM768', 0],
        ['SecP256r1MLKEM768', 65],
        ['SecP384r1MLKEM1024', 97],
      ] as const) {
        const kex = exchange(group);
        for (const offset of [0, 1, 600]) {
          const { share } = kex.generate();
          // 0xfff in the first or the second coefficient of a pair.
          share.fill(0xff, kemAt + offset, kemAt + offset + 2);
          refused(() => kex.respond(share));
        }
      }
    });

    test('a pending exchange can be finished once, and not after destroy', () => {
      const closed = (error: unknown) => error instanceof TlsError && error.code === 'ERR_TLS_KEY_SHARE_REUSED';
      for (const group of groups) {
        const kex = exchange(group);
        const pending = kex.generate();
        const { share } = kex.respond(pending.share);
        pending.finish(share);
        assert.throws(() => pending.finish(share), closed);
        const dropped = kex.generate();
        dropped.destroy();
        assert.throws(() => dropped.finish(share), closed);
      }
    });

    test('an unknown group has no key exchange', () => {
      assert.equal(crypto.keyExchange('ffdhe2048' as GroupName), undefined);
    });
  });
}

test('an ML-KEM key with the largest coefficient passes, one with q itself does not', () => {
  for (const kem of [checkedMlKem(768, mlKem(768)), checkedMlKem(768, portableMlKem(768))]) {
    const { publicKey } = kem.generate();
    const withFirst = (coefficient: number) => {
      const key = publicKey.slice();
      key[0] = coefficient & 0xff;
      key[1] = ((key[1] as number) & 0xf0) | (coefficient >> 8);
      return key;
    };
    assert.equal(kem.encapsulate(withFirst(3328)).secret.length, 32);
    refused(() => kem.encapsulate(withFirst(3329)));
  }
});

test('ML-KEM: a changed ciphertext yields another secret, not an error (implicit rejection)', () => {
  for (const parameters of [768, 1024] as const) {
    const kem = checkedMlKem(parameters, mlKem(parameters));
    const pair = kem.generate();
    const { ciphertext, secret } = kem.encapsulate(pair.publicKey);
    assert.deepEqual(pair.decapsulate(ciphertext), secret);
    ciphertext[5] = (ciphertext[5] as number) ^ 1;
    assert.notDeepEqual(pair.decapsulate(ciphertext), secret);
    refused(() => pair.decapsulate(ciphertext.subarray(1)));
  }
});

test('native and portable ML-KEM understand each other; without a native one the portable one serves', () => {
  for (const parameters of [768, 1024] as const) {
    const chosen = mlKem(parameters);
    const native = nativeMlKem(parameters);
    const portable = portableMlKem(parameters);
    assert.equal(chosen.backend, (native ?? portable).backend);
    for (const [client, server] of [
      [chosen, portable],
      [portable, chosen],
    ] as const) {
      const pair = client.generate();
      const { ciphertext, secret } = server.encapsulate(pair.publicKey);
      assert.deepEqual(pair.decapsulate(ciphertext), secret);
    }
  }
});

test('a program can bring an ML-KEM of its own, for one parameter set', () => {
  const portable = portableMlKem(768);
  let encapsulated = 0;
  const own = createNodeCrypto({
    mlKem: (parameters) =>
      parameters === 1024
        ? undefined
        : {
            ...portable,
            encapsulate(publicKey) {
              encapsulated++;
              return portable.encapsulate(publicKey);
            },
          },
  });
  for (const [group, calls] of [
    ['X25519MLKEM768', 1],
    ['SecP384r1MLKEM1024', 1],
  ] as const) {
    const pending = own.keyExchange(group)?.generate();
    assert.ok(pending !== undefined);
    own.keyExchange(group)?.respond(pending.share);
    assert.equal(encapsulated, calls);
  }
});

test('X25519 keys are made under pressure on memory without a deadlock (docs/decisions/0005)', () => {
  const exchangeModule = moduleLiteral('src/crypto/node.ts');
  const script = `
    const { createNodeCrypto } = await import(${exchangeModule});
    const x25519 = createNodeCrypto().keyExchange('x25519');
    for (let i = 0; i < 20000; i++) x25519.generate();
    console.log('done');`;
  const options = [...execArgv, '--max-semi-space-size=1', '--input-type=module', '--eval', script];
  // What is guarded against hangs for good, in about two of three runs of this length.
  const child = spawnSync(process.execPath, options, { timeout: 60_000, encoding: 'utf8' });
  assert.equal(child.stdout.trim(), 'done', child.stderr);
});
