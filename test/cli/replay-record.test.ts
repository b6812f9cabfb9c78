import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openReplayRecord, type ReplayRecord } from '../../src/cli/server/replay-record.ts';
import { FakeTime } from '../session/helpers.ts';

// Two servers on one state folder have the same ticket keys: only one of them may take early data.

const span = 22_000;

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'handfast-record-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const time = new FakeTime();
  const open = () => openReplayRecord(folder, { timers: time, now: () => time.now() });
  /** Time passes in steps, so that renewals (which touch the disk) take place. */
  const pass = async (milliseconds: number) => {
    for (let passed = 0; passed < milliseconds; passed += 1000) {
      time.advance(1000);
      await sleep(10);
    }
  };
  return { folder, time, open, pass };
}

let tickets = 0;
const claims = ({ store }: ReplayRecord) => store.claim(`e:${++tickets}`, span);

test('one process at a time has the record of early data; the next one waits for a window', async (t) => {
  const { open, pass } = setUp(t);
  const first = await open();
  assert.equal(claims(first), 'doubtful', 'a process before this one may have had the record');
  await pass(span);
  assert.equal(claims(first), 'fresh');
  const second = await open();
  await pass(60_000);
  assert.deepEqual([claims(first), claims(second)], ['fresh', 'doubtful'], 'the first renews its lease');
  await first.stop();
  assert.equal(claims(first), 'doubtful');
  await pass(11_000);
  assert.equal(claims(second), 'doubtful', 'has the record, for less than a window');
  await pass(span);
  assert.equal(claims(second), 'fresh');
  assert.deepEqual([second.store.claim('e:x', span), second.store.claim('e:x', span)], ['fresh', 'seen']);
  await second.stop();
});

test('what came while the record was in doubt is no news afterwards', async (t) => {
  const { open, pass } = setUp(t);
  const record = await open();
  await pass(span - 1000);
  assert.equal(record.store.claim('e:refused', span), 'doubtful');
  await pass(2000);
  assert.equal(record.store.claim('e:refused', span), 'seen', 'the client has sent it again after the handshake');
  await record.stop();
});

test('a process that dies leaves the record when its lease has run out', async (t) => {
  const { folder, time, open, pass } = setUp(t);
  writeFileSync(join(folder, 'early-data.json'), JSON.stringify({ holder: 'killed', until: time.now() + 30_000 }));
  const next = await open();
  await pass(30_000 + span - 1000);
  assert.equal(claims(next), 'doubtful');
  await pass(11_000);
  assert.equal(claims(next), 'fresh');
  await next.stop();
});

test('a lease of a clock that was wrong is no lease', async (t) => {
  const { folder, time, open, pass } = setUp(t);
  writeFileSync(join(folder, 'early-data.json'), JSON.stringify({ holder: 'wrong', until: time.now() + 1e9 }));
  const next = await open();
  await pass(span);
  assert.equal(claims(next), 'fresh');
  await next.stop();
});

test('a damaged lease is in doubt for both', async (t) => {
  const { folder, open, pass } = setUp(t);
  const first = await open();
  await pass(span);
  writeFileSync(join(folder, 'early-data.json'), 'garbage');
  const second = await open();
  await pass(12_000);
  assert.deepEqual([claims(first), claims(second)], ['doubtful', 'doubtful']);
  await pass(span);
  assert.deepEqual([claims(first), claims(second)], ['doubtful', 'fresh']);
  await first.stop();
  await second.stop();
});
