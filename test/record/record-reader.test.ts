import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { concat, fromHex, fromText } from '../../src/bytes/bytes.ts';
import { TlsError } from '../../src/errors.ts';
import type { ReadProtection } from '../../src/record/protection.ts';
import { RecordReader } from '../../src/record/record-reader.ts';
import { RecordWriter } from '../../src/record/record-writer.ts';
import {
  chunks,
  crypto,
  drain,
  gcm12,
  gcm13,
  output,
  type Protection,
  protectionPair,
  protections,
  record,
} from './helpers.ts';

function readerOf(...inputs: readonly Uint8Array[]): RecordReader {
  const reader = new RecordReader();
  for (const bytes of inputs) reader.push(bytes);
  return reader;
}

function refused(action: () => unknown, code: string, alert: string): void {
  assert.throws(action, (error) => {
    assert.ok(error instanceof TlsError, String(error));
    assert.deepEqual([error.code, error.alert], [code, alert], error.message);
    return true;
  });
}

/** A sealed record, with padding. */
function sealed(protection: Protection, type: number, content: Uint8Array, padding = 0) {
  const pair = protectionPair(protection);
  const bytes = new Uint8Array(pair.write.recordLength(content.length, padding));
  pair.write.seal(type, content, padding, bytes, 0);
  return { read: pair.read, write: pair.write, bytes };
}

test('records come out the same, however the bytes are chunked', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(undefined, ...protections),
      fc.array(fc.tuple(fc.constantFrom(22, 23), fc.integer({ min: 1, max: 3000 })), { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      (protection, messages, sizes, allAtOnce) => {
        const writer = new RecordWriter();
        const reader = new RecordReader();
        if (protection !== undefined) {
          const pair = protectionPair(protection);
          writer.setProtection(pair.write);
          reader.setProtection(pair.read);
        }
        const sent = messages.map(([type, length]) => ({ type, content: crypto.random(length) }));
        for (const { type, content } of sent) writer.write(type, content);
        const bytes = output(writer);
        const records = [];
        for (const chunk of chunks(bytes, sizes)) {
          reader.push(chunk);
          if (!allAtOnce) records.push(...drain(reader));
        }
        records.push(...drain(reader));
        assert.deepEqual(
          records.map(({ type, fragment }) => ({ type, content: fragment.slice() })),
          sent,
        );
        assert.equal(reader.bufferedBytes, 0);
        assert.equal(reader.midRecord, false);
      },
    ),
    { numRuns: 150 },
  );
});

test('byte by byte: nothing comes before the last byte of a record, and the count of what waits is right', () => {
  const bytes = record(22, fromHex('0102030405'));
  const reader = new RecordReader();
  for (let i = 0; i < bytes.length - 1; i++) {
    reader.push(bytes.slice(i, i + 1));
    assert.equal(reader.next(), undefined);
    assert.equal(reader.bufferedBytes, i + 1);
    assert.equal(reader.midRecord, true);
  }
  reader.push(bytes.slice(-1));
  assert.deepEqual(reader.next()?.fragment.slice(), fromHex('0102030405'));
  assert.equal(reader.bufferedBytes, 0);
});

test('a whole unprotected record is a view of the input; one that spans chunks is not', () => {
  const bytes = record(22, fromHex('0102030405'));
  const whole = readerOf(bytes).next();
  assert.equal(whole?.fragment.buffer, bytes.buffer);
  const parts = readerOf(bytes.slice(0, 7), bytes.slice(7)).next();
  assert.deepEqual(parts?.fragment.slice(), fromHex('0102030405'));
});

test('after detach, or once next() wants more, the input array may be used again', () => {
  const bytes = concat(record(22, fromHex('01')), record(22, fromHex('0203')));
  const detached = bytes.slice();
  const reader = readerOf(detached);
  reader.detach();
  detached.fill(0);
  assert.deepEqual(
    drain(reader).map(({ fragment }) => fragment.length),
    [1, 2],
  );
  const queued = [bytes.slice(0, 3), bytes.slice(3, 8), bytes.slice(8)];
  const second = readerOf(...queued);
  second.detach();
  for (const part of queued) part.fill(0);
  assert.equal(second.bufferedBytes, bytes.length);
  assert.deepEqual(
    drain(second).map(({ fragment }) => fragment.length),
    [1, 2],
  );
  const cut = bytes.slice(0, -1);
  const third = readerOf(cut);
  drain(third);
  cut.fill(0);
  third.push(bytes.slice(-1));
  assert.deepEqual(third.next()?.fragment.slice(), fromHex('0203'));
});

test('a full record in chunks of one byte comes whole', () => {
  const content = crypto.random(16384);
  const bytes = record(22, content);
  const reader = new RecordReader();
  for (let i = 0; i < bytes.length; i++) {
    reader.push(bytes.subarray(i, i + 1));
    if (i < bytes.length - 1) assert.equal(reader.next(), undefined);
  }
  assert.deepEqual(reader.next()?.fragment.slice(), content);
});

test('keys that are set between two calls count for the next record', () => {
  const first = sealed(gcm13, 22, fromHex('01'));
  const second = sealed(gcm13, 23, fromHex('02'));
  const reader = readerOf(concat(record(22, fromHex('00')), first.bytes, second.bytes));
  assert.equal(reader.isProtected, false);
  assert.equal(reader.next()?.protected, false);
  reader.setProtection(first.read);
  assert.equal(reader.isProtected, true);
  assert.deepEqual(reader.next()?.fragment.slice(), fromHex('01'));
  reader.setProtection(second.read);
  assert.deepEqual(reader.next()?.fragment.slice(), fromHex('02'));
  assert.throws(() => first.read.open(first.bytes), /destroyed/, 'the former keys must be destroyed');
});

test('other protocols are named', () => {
  const cases: readonly [start: string | Uint8Array, code: string][] = [
    ['GET / HTTP/1.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['POST / HTTP/1.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['HEAD / HTTP/1.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['PUT / HTTP/1.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['DELETE / HTTP/1.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['OPTIONS * HTTP/1.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['PRI * HTTP/2.0\r\n', 'ERR_TLS_HTTP_REQUEST'],
    ['CONNECT example.test:443 HTTP/1.0\r\n', 'ERR_TLS_HTTP_PROXY_REQUEST'],
    ['HTTP/1.1 400 Bad Request\r\n', 'ERR_TLS_HTTP_RESPONSE'],
    ['SSH-2.0-x\r\n', 'ERR_TLS_RECORD_VERSION'],
    ['blah blah', 'ERR_TLS_RECORD_VERSION'],
    [fromHex('802e010301001500000010'), 'ERR_TLS_SSLV2'],
    [fromHex('802e010002001500000010'), 'ERR_TLS_SSLV2'],
    [new Uint8Array(9), 'ERR_TLS_RECORD_VERSION'],
  ];
  for (const [start, code] of cases) {
    const bytes = typeof start === 'string' ? fromText(start) : start;
    refused(() => readerOf(bytes).next(), code, 'protocolVersion');
    const slow = new RecordReader();
    refused(
      () => {
        for (const chunk of chunks(bytes, [1])) {
          slow.push(chunk);
          slow.next();
        }
      },
      code,
      'protocolVersion',
    );
  }
  // Later in the stream it is no mix-up of ports.
  const reader = readerOf(record(22, fromHex('01')), fromText('GET / HTTP/1.0'));
  reader.next();
  refused(() => reader.next(), 'ERR_TLS_RECORD_VERSION', 'protocolVersion');
});

test('any version 3.x will do in records without protection, and one only in protected ones', () => {
  for (const version of [0x0300, 0x0301, 0x0303, 0x0304, 0x03ff]) {
    assert.equal(readerOf(record(22, fromHex('01'), version)).next()?.version, version);
  }
  const { read, bytes } = sealed(gcm12, 23, fromHex('01'));
  bytes[2] = 1;
  const protectedReader = readerOf(bytes);
  protectedReader.setProtection(read);
  refused(() => protectedReader.next(), 'ERR_TLS_RECORD_VERSION', 'protocolVersion');
});

test('an unknown content type is refused, outside and inside', () => {
  for (const type of [0, 19, 24, 255]) {
    const reader = readerOf(record(22, fromHex('01')), record(type, fromHex('01')));
    reader.next();
    refused(() => reader.next(), 'ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage');
  }
  for (const type of [19, 20, 24, 255]) {
    const { read, bytes } = sealed(gcm13, type, fromHex('01'));
    const reader = readerOf(bytes);
    reader.setProtection(read);
    refused(() => reader.next(), 'ERR_TLS_UNEXPECTED_RECORD', 'unexpectedMessage');
  }
});

test('a record that does not authenticate is refused', () => {
  for (const protection of protections) {
    const { read, bytes } = sealed(protection, 23, crypto.random(50));
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
    const reader = readerOf(bytes);
    reader.setProtection(read);
    refused(() => reader.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
  }
  // An unprotected record where a protected one is due.
  const reader = readerOf(record(22, crypto.random(50)));
  reader.setProtection(protectionPair(gcm13).read);
  refused(() => reader.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
});

test('an alert in the clear is read until the first protected record of the peer, and never after it', () => {
  const alert = record(21, fromHex('0230'));
  const { read, write, bytes } = sealed(gcm13, 22, crypto.random(40));
  const early = readerOf(alert);
  early.setProtection(protectionPair(gcm13).read);
  assert.deepEqual(
    drain(early).map((one) => [one.type, one.protected, one.fragment[1]]),
    [[21, false, 0x30]],
  );
  const late = readerOf(bytes, alert);
  late.setProtection(read);
  assert.equal(late.next()?.type, 22);
  refused(() => late.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
  write.destroy();
});

test('TLS 1.3: the version of a change_cipher_spec record is ignored (RFC 9846, Section 5.1)', () => {
  const reader = readerOf(Uint8Array.of(20, 3, 0, 0, 1, 1));
  reader.setProtection(protectionPair(gcm13).read);
  assert.equal(reader.next()?.type, 20);
});

/** A protection that opens everything to the same content, for what no honest writer produces. */
function opensTo(content: Uint8Array, version: 0x0303 | 0x0304): ReadProtection {
  return { version, maxCiphertextLength: 16640, open: () => content, destroy() {} };
}

function readOpened(content: Uint8Array, version: 0x0303 | 0x0304, type = 23, limit?: number) {
  const reader = readerOf(record(type, fromHex('00')));
  reader.setProtection(opensTo(content, version));
  if (limit !== undefined) reader.setPlaintextLimit(limit);
  return reader.next();
}

test('TLS 1.3: padding comes off; a record of padding only, or with another outer type, is refused', () => {
  assert.deepEqual(readOpened(fromHex('0a0b1600000000'), 0x0304)?.fragment.slice(), fromHex('0a0b'));
  assert.equal(readOpened(fromHex('1700'), 0x0304)?.fragment.length, 0);
  refused(() => readOpened(new Uint8Array(0), 0x0304), 'ERR_TLS_EMPTY_INNER_PLAINTEXT', 'unexpectedMessage');
  refused(() => readOpened(new Uint8Array(9), 0x0304), 'ERR_TLS_EMPTY_INNER_PLAINTEXT', 'unexpectedMessage');
  refused(() => readOpened(fromHex('0a16'), 0x0304, 22), 'ERR_TLS_OUTER_RECORD_TYPE', 'decodeError');
  for (const empty of ['16', '150000']) {
    refused(() => readOpened(fromHex(empty), 0x0304), 'ERR_TLS_EMPTY_RECORD', 'unexpectedMessage');
  }
});

test('length limits: of the fragment on the wire, and of what is inside', () => {
  const overflow = ['ERR_TLS_RECORD_OVERFLOW', 'recordOverflow'] as const;
  const header = (length: number) => new Uint8Array([22, 3, 3, length >> 8, length]);
  assert.equal(readerOf(header(16384)).next(), undefined);
  refused(() => readerOf(header(16385)).next(), ...overflow);
  for (const [protection, limit] of [
    [gcm13, 16384 + 256],
    [gcm12, 16384 + 2048],
  ] as const) {
    const allowed = readerOf(header(limit));
    allowed.setProtection(protectionPair(protection).read);
    assert.equal(allowed.next(), undefined);
    const tooLong = readerOf(header(limit + 1));
    tooLong.setProtection(protectionPair(protection).read);
    refused(() => tooLong.next(), ...overflow);
  }
  const inner = (length: number, padding: number) => {
    const bytes = new Uint8Array(length + 1 + padding).fill(1, 0, length);
    bytes[length] = 23;
    return bytes;
  };
  assert.equal(readOpened(inner(16384, 0), 0x0304)?.fragment.length, 16384);
  assert.equal(readOpened(inner(8192, 8192), 0x0304)?.fragment.length, 8192);
  refused(() => readOpened(inner(16384, 1), 0x0304), ...overflow);
  refused(() => readOpened(inner(8192, 8193), 0x0304), ...overflow);
  assert.equal(readOpened(new Uint8Array(16384), 0x0303)?.fragment.length, 16384);
  refused(() => readOpened(new Uint8Array(16385), 0x0303), ...overflow);
});

test('record_size_limit counts content, type and padding in TLS 1.3, content in TLS 1.2 (RFC 8449)', () => {
  const overflow = ['ERR_TLS_RECORD_OVERFLOW', 'recordOverflow'] as const;
  const inner = concat(new Uint8Array(99).fill(1), new Uint8Array([23]));
  assert.equal(readOpened(inner, 0x0304, 23, 100)?.fragment.length, 99);
  refused(() => readOpened(inner, 0x0304, 23, 99), ...overflow);
  refused(() => readOpened(concat(inner, new Uint8Array(1)), 0x0304, 23, 100), ...overflow);
  assert.equal(readOpened(new Uint8Array(100), 0x0303, 23, 100)?.fragment.length, 100);
  refused(() => readOpened(new Uint8Array(101), 0x0303, 23, 100), ...overflow);
  // It does not hold for unprotected records.
  const reader = readerOf(record(22, new Uint8Array(300)));
  reader.setPlaintextLimit(100);
  assert.equal(reader.next()?.fragment.length, 300);
});

test('32 empty records in a row are suffered, not 33; content starts the count anew', () => {
  const empty = record(23, new Uint8Array(0));
  const many = (count: number) => concat(...new Array<Uint8Array>(count).fill(empty));
  const reader = readerOf(many(32), record(23, fromHex('01')), many(32));
  assert.equal(drain(reader).length, 65);
  reader.push(empty);
  refused(() => reader.next(), 'ERR_TLS_TOO_MANY_EMPTY_RECORDS', 'unexpectedMessage');
  const ccs = readerOf(concat(...new Array<Uint8Array>(33).fill(record(20, fromHex('01')))));
  refused(() => drain(ccs), 'ERR_TLS_TOO_MANY_EMPTY_RECORDS', 'unexpectedMessage');
  const { write, read } = protectionPair(gcm12);
  const protectedReader = new RecordReader();
  protectedReader.setProtection(read);
  refused(
    () => {
      for (let i = 0; i < 33; i++) {
        const bytes = new Uint8Array(write.recordLength(0, 0));
        write.seal(23, new Uint8Array(0), 0, bytes, 0);
        protectedReader.push(bytes);
        assert.equal(protectedReader.next()?.fragment.length, 0);
      }
    },
    'ERR_TLS_TOO_MANY_EMPTY_RECORDS',
    'unexpectedMessage',
  );
});

test('an alert between empty records does not start their count anew', () => {
  const empty = record(23, new Uint8Array(0));
  const pair = concat(empty, record(21, fromHex('015a')));
  const reader = readerOf(concat(...new Array<Uint8Array>(32).fill(pair)));
  assert.equal(drain(reader).length, 64);
  reader.push(empty);
  refused(() => reader.next(), 'ERR_TLS_TOO_MANY_EMPTY_RECORDS', 'unexpectedMessage');
});

test('in TLS 1.3 change_cipher_spec passes as it is, in TLS 1.2 it is protected like all else', () => {
  const ccs = record(20, fromHex('01'));
  const reader13 = readerOf(ccs);
  reader13.setProtection(protectionPair(gcm13).read);
  assert.deepEqual(reader13.next(), { type: 20, fragment: fromHex('01'), version: 0x0303, protected: false });
  const reader12 = readerOf(ccs);
  reader12.setProtection(protectionPair(gcm12).read);
  refused(() => reader12.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
});

test('after HelloRetryRequest early data is dropped until the second ClientHello', () => {
  const dropped = record(23, crypto.random(100));
  const reader = readerOf(dropped, record(20, fromHex('01')), dropped, record(22, fromHex('0102')), dropped);
  reader.skipEarlyData({ mode: 'untilClientHello', maxBytes: 1000 });
  assert.deepEqual(
    drain(reader).map(({ type }) => type),
    [20, 22, 23],
    'what comes behind the ClientHello is not dropped any more',
  );
});

test('a dropped record may be as long as a protected one', () => {
  const reader = readerOf(record(23, new Uint8Array(16640)), record(22, fromHex('01')));
  reader.skipEarlyData({ mode: 'untilClientHello', maxBytes: 20000 });
  assert.equal(reader.next()?.type, 22);
});

test('after the rejection records that do not open are dropped, until one does', () => {
  const early = sealed(gcm13, 23, crypto.random(100));
  const later = sealed(gcm13, 22, fromHex('0102'));
  const reader = readerOf(early.bytes, early.bytes, record(20, fromHex('01')), later.bytes);
  reader.setProtection(later.read);
  reader.skipEarlyData({ mode: 'trialDecryption', maxBytes: 1000 });
  assert.deepEqual(
    drain(reader).map(({ type }) => type),
    [20, 22],
  );
  reader.push(early.bytes);
  refused(() => reader.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
});

test('a record_size_limit holds for what came under the same keys before it was known (RFC 8449, Section 4)', () => {
  for (const limit of [100, 99]) {
    const { read, bytes } = sealed(gcm13, 22, new Uint8Array(99));
    const reader = readerOf(bytes);
    reader.setProtection(read);
    assert.equal(reader.next()?.fragment.length, 99);
    if (limit === 100) reader.setPlaintextLimit(limit);
    else refused(() => reader.setPlaintextLimit(limit), 'ERR_TLS_RECORD_OVERFLOW', 'recordOverflow');
    reader.setProtection(sealed(gcm13, 22, new Uint8Array(1)).read);
    reader.setPlaintextLimit(64);
  }
});

test('trial decryption does not excuse records of other types', () => {
  const reader = readerOf(record(22, crypto.random(40)));
  reader.setProtection(protectionPair(gcm13).read);
  reader.skipEarlyData({ mode: 'trialDecryption', maxBytes: 1000 });
  refused(() => reader.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
});

test('what is dropped is bounded by its content, in both modes and in records of any size', () => {
  for (const mode of ['untilClientHello', 'trialDecryption'] as const) {
    // A byte of content is one more with its type, and a tag; a record without content counts for one byte.
    for (const [content, counted] of [
      [83, 83],
      [1, 1],
      [0, 1],
    ] as const) {
      const dropped = record(23, crypto.random(content + 17));
      const reader = readerOf(dropped, dropped);
      if (mode === 'trialDecryption') reader.setProtection(protectionPair(gcm13).read);
      reader.skipEarlyData({ mode, maxBytes: 2 * counted });
      assert.equal(reader.next(), undefined);
      reader.push(dropped);
      refused(() => reader.next(), 'ERR_TLS_TOO_MUCH_SKIPPED_EARLY_DATA', 'unexpectedMessage');
    }
  }
  const stopped = readerOf(record(23, crypto.random(40)));
  stopped.setProtection(protectionPair(gcm13).read);
  stopped.skipEarlyData({ mode: 'trialDecryption', maxBytes: 1000 });
  stopped.stopSkipping();
  refused(() => stopped.next(), 'ERR_TLS_BAD_RECORD_MAC', 'badRecordMac');
});

test('whatever bytes come, the outcome is records or a TlsError', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(undefined, ...protections),
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 40 }),
          fc
            .tuple(fc.integer({ min: 20, max: 23 }), fc.uint8Array({ maxLength: 90 }))
            .map(([type, fragment]) => record(type, fragment)),
        ),
        { maxLength: 5 },
      ),
      (protection, inputs) => {
        const reader = readerOf(...inputs);
        if (protection !== undefined) reader.setProtection(protectionPair(protection).read);
        try {
          drain(reader);
        } catch (error) {
          assert.ok(error instanceof TlsError, String(error));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('records are decrypted in their place only where every array that was pushed may be overwritten', () => {
  const asked: (boolean | undefined)[] = [];
  const protection = (): ReadProtection => ({
    version: 0x0303,
    maxCiphertextLength: 16640,
    open: (bytes, mayOverwrite) => {
      asked.push(mayOverwrite);
      return bytes.slice(5);
    },
    destroy: () => {},
  });
  const read = (...inputs: readonly [Uint8Array, boolean][]): (boolean | undefined)[] => {
    const reader = new RecordReader();
    reader.setProtection(protection());
    asked.length = 0;
    for (const [bytes, mayOverwrite] of inputs) reader.push(bytes, mayOverwrite);
    while (reader.next() !== undefined);
    return [...asked];
  };
  const one = fromHex('170303000141');
  assert.deepEqual(read([one, false]), [false]);
  assert.deepEqual(read([one, true], [one, true]), [true, true]);
  assert.deepEqual(read([concat(one, one.subarray(0, 3)), true], [one.subarray(3), true]), [true, true]);
  assert.deepEqual(read([one, true], [one, false], [one, true]), [false, false, false]);
});
