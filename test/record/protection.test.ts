import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import test from 'node:test';
import { concat, fromHex, toHex } from '../../src/bytes/bytes.ts';
import { cipherSuite } from '../../src/crypto/cipher-suites.ts';
import type { CryptoProvider } from '../../src/crypto/provider.ts';
import { TlsError } from '../../src/errors.ts';
import { RecordIv, SequenceNumber } from '../../src/record/protection.ts';
import { createReadProtection12, createWriteProtection12 } from '../../src/record/protection12.ts';
import { createReadProtection13, createWriteProtection13 } from '../../src/record/protection13.ts';
import { crypto, gcm13, protectionPair, protections } from './helpers.ts';

function suite(code: number) {
  const found = cipherSuite(code);
  assert.ok(found !== undefined);
  return found;
}

test('TLS 1.3 records are those of RFC 8448, Section 3', () => {
  const secret = fromHex('9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5');
  const expected =
    '1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a' +
    '2977014bd1e3deae63aeebb21694915e4';
  const alert = '1703030013c9872760655666b74d7ff1153efd6db6d0b0e3';
  const data = Uint8Array.from({ length: 50 }, (_, i) => i);
  const write = createWriteProtection13(crypto, suite(0x1301), secret);
  const out = new Uint8Array(write.recordLength(50, 0));
  assert.equal(write.seal(23, data, 0, out, 0), out.length);
  assert.equal(toHex(out), expected);
  const second = new Uint8Array(write.recordLength(2, 0));
  write.seal(21, new Uint8Array([1, 0]), 0, second, 0);
  assert.equal(toHex(second), alert);

  const read = createReadProtection13(crypto, suite(0x1301), secret);
  assert.deepEqual(read.open(fromHex(expected)), concat(data, new Uint8Array([23])));
  assert.deepEqual(read.open(fromHex(alert)), new Uint8Array([1, 0, 21]));
});

test('every protection opens what it sealed, for lengths around each block boundary', () => {
  for (const protection of protections) {
    const { read, write } = protectionPair(protection);
    for (const length of [0, 1, 15, 16, 17, 47, 48, 63, 64, 200, 255, 256, 257, 1000, 16384]) {
      const content = crypto.random(length);
      const size = write.recordLength(length, 0);
      const out = new Uint8Array(size + 6).fill(0xee);
      assert.equal(write.seal(23, content, 0, out, 3), size, protection.name);
      assert.deepEqual([...out.subarray(0, 3), ...out.subarray(-3)], new Array(6).fill(0xee));
      const opened = read.open(out.slice(3, -3));
      assert.ok(opened !== undefined, `${protection.name}, ${length} bytes`);
      assert.deepEqual(read.version === 0x0304 ? opened.slice(0, -1) : opened, content);
    }
  }
});

test('a record changed in any one byte does not open, and is not counted', () => {
  for (const protection of protections) {
    const { read, write } = protectionPair(protection);
    const out = new Uint8Array(write.recordLength(40, 0));
    write.seal(23, crypto.random(40), 0, out, 0);
    for (let at = 0; at < out.length; at++) {
      // The version and the length are the reader's to check in TLS 1.2; they are not taken from the header.
      if (read.version === 0x0303 && at >= 1 && at < 5) continue;
      const changed = out.slice();
      changed[at] = (changed[at] as number) ^ 0x40;
      assert.equal(read.open(changed), undefined, `${protection.name}, byte ${at}`);
    }
    for (let length = 5; length < out.length; length++) {
      assert.equal(read.open(out.slice(0, length)), undefined, `${protection.name}, cut to ${length}`);
    }
    assert.notEqual(read.open(out), undefined, protection.name);
    assert.equal(read.open(out), undefined, `${protection.name}: a replay`);
  }
});

test('the explicit nonce of GCM in TLS 1.2 is the sequence number, and additional data is as RFC 5246 says', () => {
  const keys = { key: crypto.random(16), iv: crypto.random(4) };
  const write = createWriteProtection12(crypto, suite(0xc02b), keys);
  const content = crypto.random(10);
  for (let sequence = 0; sequence < 3; sequence++) {
    const out = new Uint8Array(write.recordLength(10, 0));
    write.seal(22, content, 0, out, 0);
    assert.equal(toHex(out.subarray(0, 13)), `1603030022${'00'.repeat(7)}0${sequence}`);
    const decipher = createDecipheriv('aes-128-gcm', keys.key, concat(keys.iv, out.subarray(5, 13)));
    decipher.setAAD(concat(out.subarray(5, 13), fromHex('160303000a')));
    decipher.setAuthTag(out.subarray(-16));
    assert.deepEqual(
      new Uint8Array(Buffer.concat([decipher.update(out.subarray(13, -16)), decipher.final()])),
      content,
    );
  }
});

test('ChaCha20-Poly1305 in TLS 1.2 has no explicit nonce', () => {
  const keys = { key: crypto.random(32), iv: crypto.random(12) };
  const write = createWriteProtection12(crypto, suite(0xcca9), keys);
  const read = createReadProtection12(crypto, suite(0xcca9), keys);
  for (let i = 0; i < 3; i++) {
    const out = new Uint8Array(write.recordLength(7, 0));
    write.seal(23, new Uint8Array(7).fill(i), 0, out, 0);
    assert.equal(out.length, 5 + 7 + 16);
    assert.deepEqual(read.open(out), new Uint8Array(7).fill(i));
  }
});

test('the sequence number carries over 32 bits, and may not wrap', () => {
  for (const protection of protections) {
    const carry = protectionPair(protection, () => new SequenceNumber(6, 0xffffffff));
    for (let i = 0; i < 3; i++) {
      const out = new Uint8Array(carry.write.recordLength(1, 0));
      carry.write.seal(23, new Uint8Array(1), 0, out, 0);
      assert.notEqual(carry.read.open(out), undefined);
    }
    const last = protectionPair(protection, () => new SequenceNumber(0xffffffff, 0xfffffffe));
    const out = new Uint8Array(last.write.recordLength(1, 0));
    last.write.seal(23, new Uint8Array(1), 0, out, 0);
    assert.notEqual(last.read.open(out), undefined);
    const overflow = (error: unknown) => error instanceof TlsError && error.code === 'ERR_TLS_SEQUENCE_OVERFLOW';
    assert.throws(() => last.write.seal(23, new Uint8Array(1), 0, out, 0), overflow);
    assert.throws(() => last.read.open(out), overflow);
  }
});

test('the nonce is the IV XOR the sequence number', () => {
  const iv = fromHex('000102030405060708090a0b');
  const nonce = iv.slice();
  new SequenceNumber(0x01020304, 0xa0b0c0d0).nonceTo(nonce, new RecordIv(iv));
  assert.equal(toHex(nonce), '0001020305070503a8b9cadb');
});

test('AES-GCM counts its records down to the limit of RFC 9846, Section 5.5', () => {
  const { write } = protectionPair(gcm13);
  const before = write.recordsUntilLimit;
  assert.equal(before, Math.floor(2 ** 24.5));
  const out = new Uint8Array(write.recordLength(1, 0));
  write.seal(23, new Uint8Array(1), 0, out, 0);
  assert.equal(write.recordsUntilLimit, before - 1);
  const chacha = protectionPair({ name: '', suite: suite(0x1303), encryptThenMac: false });
  assert.equal(chacha.write.recordsUntilLimit, Infinity);
});

test('a protection that was destroyed opens and seals nothing', () => {
  for (const protection of protections) {
    const { read, write } = protectionPair(protection);
    const out = new Uint8Array(write.recordLength(1, 0));
    write.seal(23, new Uint8Array(1), 0, out, 0);
    read.destroy();
    write.destroy();
    assert.throws(() => read.open(out), /destroyed/, protection.name);
    assert.throws(() => write.seal(23, new Uint8Array(1), 0, out, 0), /destroyed/, protection.name);
  }
});

test('a suite of the other version is refused', () => {
  assert.throws(() => createReadProtection13(crypto, suite(0xc02b), new Uint8Array(32)), RangeError);
  const keys = { key: new Uint8Array(16), iv: new Uint8Array(12) };
  assert.throws(() => createReadProtection12(crypto, suite(0x1301), keys), RangeError);
  assert.throws(() => createReadProtection12(crypto, suite(0xc02b), keys), RangeError);
  assert.throws(() => createWriteProtection12(crypto, suite(0xc013), keys), RangeError);
});

/** A CBC record sealed by hand, with the padding as given. */
function sealCbc(keys: { key: Uint8Array; macKey: Uint8Array }, mac: string, content: Uint8Array, padding: Uint8Array) {
  const header = concat(new Uint8Array(8), fromHex('170303'), new Uint8Array([content.length >> 8, content.length]));
  const tag = createHmac(mac, keys.macKey).update(header).update(content).digest();
  const plaintext = concat(content, tag, padding);
  const iv = crypto.random(16);
  const cipher = createCipheriv(keys.key.length === 16 ? 'aes-128-cbc' : 'aes-256-cbc', keys.key, iv);
  cipher.setAutoPadding(false);
  const fragment = concat(iv, cipher.update(plaintext), cipher.final());
  return concat(fromHex('170303'), new Uint8Array([fragment.length >> 8, fragment.length]), fragment);
}

const cbcSuites = [0xc013, 0xc014, 0xc027, 0xc028];

test('CBC accepts every length of good padding, up to 256 bytes', () => {
  for (const code of cbcSuites) {
    const { cbc, keyLength } = suite(code);
    assert.ok(cbc !== undefined);
    const keys = { key: crypto.random(keyLength), iv: new Uint8Array(0), macKey: crypto.random(cbc.macLength) };
    for (const contentLength of [0, 5, 13, 64, 300]) {
      const content = crypto.random(contentLength);
      const least: number = 15 - ((contentLength + cbc.macLength) % 16);
      for (let padding: number = least; padding < 256; padding += 16) {
        const record = sealCbc(keys, cbc.mac, content, new Uint8Array(padding + 1).fill(padding));
        const read = createReadProtection12(crypto, suite(code), keys);
        assert.deepEqual(read.open(record)?.slice(), content, `${cbc.mac}, ${contentLength} bytes, padding ${padding}`);
      }
    }
  }
});

test('CBC refuses every padding that is wrong in one byte, and a padding that leaves no room for the MAC', () => {
  for (const code of cbcSuites) {
    const { cbc, keyLength } = suite(code);
    assert.ok(cbc !== undefined);
    const keys = { key: crypto.random(keyLength), iv: new Uint8Array(0), macKey: crypto.random(cbc.macLength) };
    const content = crypto.random(30);
    const padding = 15 - ((content.length + cbc.macLength) % 16) + 32;
    const read = createReadProtection12(crypto, suite(code), keys);
    for (let at = 0; at < padding; at++) {
      const bad = new Uint8Array(padding + 1).fill(padding);
      bad[at] = padding ^ 1;
      assert.equal(read.open(sealCbc(keys, cbc.mac, content, bad)), undefined, `${cbc.mac}, byte ${at}`);
    }
    // The last byte claims more padding than there is.
    for (const claim of [padding + 1, 200, 255]) {
      const bad = new Uint8Array(padding + 1).fill(padding);
      bad[padding] = claim;
      assert.equal(read.open(sealCbc(keys, cbc.mac, content, bad)), undefined);
      assert.equal(read.open(sealCbc(keys, cbc.mac, content, bad.fill(claim))), undefined);
    }
    const good = sealCbc(keys, cbc.mac, content, new Uint8Array(padding + 1).fill(padding));
    assert.deepEqual(read.open(good)?.slice(), content);
  }
});

test('encrypt-then-MAC authenticates IV and ciphertext (RFC 7366, Section 3)', () => {
  const { cbc, keyLength } = suite(0xc027);
  assert.ok(cbc !== undefined);
  const keys = {
    key: crypto.random(keyLength),
    iv: new Uint8Array(0),
    macKey: crypto.random(32),
    encryptThenMac: true,
  };
  const write = createWriteProtection12(crypto, suite(0xc027), keys);
  const out = new Uint8Array(write.recordLength(20, 0));
  write.seal(23, new Uint8Array(20), 0, out, 0);
  const sealed = out.subarray(5, -32);
  assert.equal(sealed.length, 16 + 32);
  const expected = createHmac('sha256', keys.macKey)
    .update(concat(new Uint8Array(8), fromHex('170303'), new Uint8Array([0, sealed.length]), sealed))
    .digest('hex');
  assert.equal(toHex(out.subarray(-32)), expected);
});

test('every CBC record has an IV of its own', () => {
  const keys = { key: crypto.random(16), iv: new Uint8Array(0), macKey: crypto.random(20) };
  const write = createWriteProtection12(crypto, suite(0xc013), keys);
  const ivs = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const out = new Uint8Array(write.recordLength(3, 0));
    write.seal(23, new Uint8Array(3), 0, out, 0);
    ivs.add(toHex(out.subarray(5, 21)));
  }
  assert.equal(ivs.size, 20);
});

test('whoever destroys a protection destroys its keys', () => {
  for (const protection of protections) {
    let alive = 0;
    const counted = <K extends { destroy(): void }>(key: K): K => {
      alive++;
      const { destroy } = key;
      key.destroy = () => {
        alive--;
        destroy.call(key);
      };
      return key;
    };
    const counting: CryptoProvider = {
      ...crypto,
      createAead: (name, key) => counted(crypto.createAead(name, key)),
      createCbc: (name, key) => counted(crypto.createCbc(name, key)),
      prepareHmac: (name, key) => counted(crypto.prepareHmac(name, key)),
    };
    const { read, write } = protectionPair(protection, undefined, counting);
    assert.ok(alive >= 2, protection.name);
    read.destroy();
    write.destroy();
    assert.equal(alive, 0, protection.name);
  }
});
