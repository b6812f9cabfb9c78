import assert from 'node:assert/strict';
import test from 'node:test';
import { concat, fromHex, toHex } from '../../src/bytes/bytes.ts';
import { RecordReader } from '../../src/record/record-reader.ts';
import { RecordWriter } from '../../src/record/record-writer.ts';
import { crypto, drain, gcm12, gcm13, output, protectionPair, protections } from './helpers.ts';

/** Type and length of each record in the bytes. */
function layout(bytes: Uint8Array): [type: number, length: number][] {
  const records: [number, number][] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = ((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number);
    records.push([bytes[at] as number, length]);
    at += 5 + length;
  }
  return records;
}

test('the messages of a flight share a record, and wait for flush', () => {
  const writer = new RecordWriter();
  writer.handshake(fromHex('0102'));
  writer.handshake(fromHex('030405'));
  assert.deepEqual(writer.take(), []);
  assert.equal(writer.pendingBytes, 5);
  writer.flush();
  assert.equal(writer.pendingBytes, 10);
  assert.equal(toHex(output(writer)), '16030300050102030405');
  assert.equal(writer.pendingBytes, 0);
  writer.flush();
  assert.deepEqual(writer.take(), []);
});

test('handshake bytes that wait go before anything written after them', () => {
  const writer = new RecordWriter();
  writer.handshake(fromHex('01'));
  writer.write(20, fromHex('01'));
  writer.write(21, fromHex('0228'));
  assert.equal(toHex(output(writer)), '160303000101140303000101150303000202' + '28');
});

test('new keys leave what waits under the old ones', () => {
  const pair = protectionPair(gcm13);
  const writer = new RecordWriter();
  writer.handshake(fromHex('0102'));
  writer.setProtection(pair.write);
  assert.equal(writer.isProtected, true);
  writer.handshake(fromHex('030405'));
  writer.flush();
  const bytes = output(writer);
  assert.deepEqual(layout(bytes), [
    [22, 2],
    [23, 3 + 1 + 16],
  ]);
  const reader = new RecordReader();
  reader.push(bytes);
  reader.next();
  reader.setProtection(pair.read);
  const second = reader.next();
  assert.equal(second?.type, 22);
  assert.deepEqual(second?.fragment.slice(), fromHex('030405'));
  writer.setProtection(protectionPair(gcm13).write);
  assert.throws(() => pair.write.seal(23, fromHex('01'), 0, new Uint8Array(99), 0), /destroyed/);
});

test('the version in the header can be set for a first ClientHello', () => {
  const writer = new RecordWriter();
  writer.setRecordVersion(0x0301);
  writer.handshake(fromHex('01'));
  // What waits keeps the version that it was written under.
  writer.setRecordVersion(0x0303);
  writer.handshake(fromHex('02'));
  writer.flush();
  assert.equal(toHex(output(writer)), '160301000101' + '160303000102');
});

test('a small message and a whole flight are one array each', () => {
  const writer = new RecordWriter();
  writer.setProtection(protectionPair(gcm13).write);
  writer.write(23, new Uint8Array(100));
  assert.equal(writer.take().length, 1);
  writer.handshake(new Uint8Array(3000));
  writer.write(20, fromHex('01'));
  writer.write(23, new Uint8Array(10));
  assert.equal(writer.take().length, 1);
});

test('bulk data goes out in arrays of sixteen records', () => {
  for (const protection of [gcm13, gcm12]) {
    const pair = protectionPair(protection);
    const writer = new RecordWriter();
    writer.setProtection(pair.write);
    const data = crypto.random(40 * 16384 + 77);
    writer.write(23, data);
    const slabs = writer.take();
    assert.deepEqual(
      slabs.map((slab) => layout(slab).length),
      [16, 16, 9],
    );
    const reader = new RecordReader();
    reader.setProtection(pair.read);
    for (const slab of slabs) reader.push(slab);
    assert.deepEqual(concat(...drain(reader).map(({ fragment }) => fragment)), data);
  }
});

test('no record is longer than the fragment limit allows, in any protection', () => {
  for (const protection of [undefined, ...protections]) {
    const writer = new RecordWriter();
    const reader = new RecordReader();
    if (protection !== undefined) {
      const pair = protectionPair(protection);
      writer.setProtection(pair.write);
      reader.setProtection(pair.read);
    }
    writer.setMaxFragment(100);
    const data = crypto.random(5000);
    writer.write(23, data);
    writer.write(23, data.subarray(0, 100));
    writer.write(23, data.subarray(0, 101));
    reader.push(output(writer));
    const lengths = drain(reader).map(({ fragment }) => fragment.length);
    assert.deepEqual(lengths, [...new Array(50).fill(100), 100, 100, 1], protection?.name);
  }
  assert.throws(() => new RecordWriter().setMaxFragment(0), RangeError);
  assert.throws(() => new RecordWriter().setMaxFragment(16385), RangeError);
});

test('empty data is an empty record, an empty handshake message nothing', () => {
  const writer = new RecordWriter();
  writer.write(23, new Uint8Array(0));
  writer.handshake(new Uint8Array(0));
  writer.flush();
  assert.equal(toHex(output(writer)), '1703030000');
});

test('padding follows the policy, as far as the record has room', () => {
  const pair = protectionPair(gcm13);
  const writer = new RecordWriter();
  writer.setProtection(pair.write);
  writer.setMaxFragment(1000);
  writer.setPadding((length) => 512 - (length % 512));
  writer.write(23, new Uint8Array(100));
  writer.write(23, new Uint8Array(900));
  writer.write(23, new Uint8Array(1000));
  writer.write(23, new Uint8Array(1100));
  const bytes = output(writer);
  assert.deepEqual(
    layout(bytes).map(([, length]) => length - 17),
    [512, 1000, 1000, 1000, 512],
  );
  const reader = new RecordReader();
  reader.setProtection(pair.read);
  reader.push(bytes);
  assert.deepEqual(
    drain(reader).map(({ fragment }) => fragment.length),
    [100, 900, 1000, 1000, 100],
  );
  writer.setPadding(() => -5);
  writer.write(23, new Uint8Array(10));
  assert.deepEqual(layout(output(writer)), [[23, 27]]);
  writer.setPadding(undefined);
  writer.write(23, new Uint8Array(10));
  assert.deepEqual(layout(output(writer)), [[23, 27]]);
});

test('TLS 1.2 knows no padding policy', () => {
  const writer = new RecordWriter();
  writer.setProtection(protectionPair(gcm12).write);
  writer.setPadding(() => 100);
  writer.write(23, new Uint8Array(10));
  assert.deepEqual(layout(output(writer)), [[23, 8 + 10 + 16]]);
});

test('change_cipher_spec goes unprotected in TLS 1.3, protected in TLS 1.2', () => {
  const writer13 = new RecordWriter();
  writer13.setProtection(protectionPair(gcm13).write);
  writer13.write(20, fromHex('01'));
  assert.equal(toHex(output(writer13)), '140303000101');
  const writer12 = new RecordWriter();
  writer12.setProtection(protectionPair(gcm12).write);
  writer12.write(20, fromHex('01'));
  assert.deepEqual(layout(output(writer12)), [[20, 25]]);
});

test('records until the key limit are counted per key', () => {
  const writer = new RecordWriter();
  assert.equal(writer.recordsUntilLimit, Infinity);
  writer.setProtection(protectionPair(gcm13).write);
  const full = writer.recordsUntilLimit;
  writer.write(23, new Uint8Array(16384 * 3));
  assert.equal(writer.recordsUntilLimit, full - 3);
  writer.setProtection(protectionPair(gcm13).write);
  assert.equal(writer.recordsUntilLimit, full);
});

test('destroy drops keys and waiting messages', () => {
  const pair = protectionPair(gcm13);
  const writer = new RecordWriter();
  writer.setProtection(pair.write);
  writer.handshake(fromHex('01'));
  writer.destroy();
  assert.equal(writer.pendingBytes, 0);
  assert.throws(() => pair.write.seal(23, fromHex('01'), 0, new Uint8Array(99), 0), /destroyed/);
});

test('a slab that was given back is used again, once', () => {
  const pair = protectionPair(gcm13);
  const writer = new RecordWriter();
  const reader = new RecordReader();
  writer.setProtection(pair.write);
  reader.setProtection(pair.read);
  const data = crypto.random(16 * 16384);
  const writeSlab = (): Uint8Array => {
    writer.write(23, data);
    const [slab, ...more] = writer.take();
    assert.ok(slab !== undefined);
    assert.equal(more.length, 0);
    reader.push(slab.slice());
    assert.deepEqual(concat(...drain(reader).map(({ fragment }) => fragment)), data);
    return slab;
  };
  const first = writeSlab();
  writer.release(first);
  writer.release(first);
  const second = writeSlab();
  const third = writeSlab();
  assert.equal(second.buffer, first.buffer);
  assert.notEqual(third.buffer, first.buffer);
  // What is no slab is ignored: a view of the caller's own memory may not come back as output.
  writer.release(data);
  writer.release(second.subarray(1));
  assert.notEqual(writeSlab().buffer, second.buffer);
});

test('slabs come in sizes of one to sixteen records; what is smaller, or of another size, is no slab', () => {
  const writer = new RecordWriter();
  writer.setProtection(protectionPair(gcm13).write);
  const write = (length: number): Uint8Array => {
    writer.write(23, new Uint8Array(length));
    const [only, ...more] = writer.take();
    assert.ok(only !== undefined && more.length === 0);
    return only;
  };
  for (const length of [16384, 16500, 40_000, 80_000, 200_000]) {
    const slab = write(length);
    assert.ok(slab.buffer.byteLength < 2 * slab.length + 16384, `${length} bytes`);
    writer.release(slab);
    const again = write(length);
    assert.equal(again.buffer, slab.buffer, `${length} bytes`);
    assert.notEqual(write(length).buffer, slab.buffer);
  }
  const small = write(2000);
  assert.equal(small.buffer.byteLength, small.length);
  writer.release(small);
  assert.notEqual(write(2000).buffer, small.buffer);
});

test('what waits to be used again has a limit', () => {
  const writer = new RecordWriter();
  writer.setProtection(protectionPair(gcm13).write);
  const data = new Uint8Array(16 * 16384);
  const slabs = Array.from({ length: 100 }, () => {
    writer.write(23, data);
    return writer.take()[0] as Uint8Array;
  });
  const buffers = new Set(slabs.map(({ buffer }) => buffer));
  for (const slab of slabs) writer.release(slab);
  let reused = 0;
  for (let i = 0; i < 100; i++) {
    writer.write(23, data);
    if (buffers.has((writer.take()[0] as Uint8Array).buffer)) reused++;
  }
  assert.ok(reused > 10 && reused <= 64, `${reused} slabs were kept`);
});
