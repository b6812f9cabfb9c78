import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { FleetKeyringOptions } from '../../src/session/fleet-keyring.ts';
import { decodeRingDocument, encodeRingDocument } from '../../src/session/ring-document.ts';
import { FakeTime } from './helpers.ts';
import { type RingNode, ringNode, SharedRing } from './shared-ring.ts';

const fleetKeys = [new Uint8Array(randomBytes(32))];
const state = new Uint8Array([1, 2, 3]);

const node = (shared: SharedRing, options: Partial<FleetKeyringOptions> = {}): RingNode =>
  ringNode(shared, { fleetKeys, keepFor: 200, ...options });

async function fleetOf(count: number): Promise<{ shared: SharedRing; nodes: RingNode[]; time: FakeTime }> {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const nodes = Array.from({ length: count }, () => node(shared));
  await Promise.all(nodes.map(({ fleet }) => fleet.start()));
  await time.pass(20_000, 1000);
  return { shared, nodes, time };
}

function seal({ keyring }: RingNode): Uint8Array {
  return (keyring.seal(0x0304, state) as { ticket: Uint8Array }).ticket;
}

/** Whether each node opens what each node seals now. */
function allOpenAll(nodes: readonly RingNode[]): boolean {
  return nodes.every((from) => nodes.every((to) => 'state' in to.keyring.open(0x0304, seal(from))));
}

const current = ({ keyring }: RingNode) => keyring.describe().find((key) => key.role === 'current');

test('promise 4: nodes that start together agree on one key', async () => {
  const { nodes, shared } = await fleetOf(4);
  assert.equal(new Set(nodes.map((each) => current(each)?.name)).size, 1);
  assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
  assert.equal(shared.proposals, 1, 'of four proposals one won');
  assert.equal(nodes[0]?.fleet.status.nodes, 4);
});

test('promise 4: a node that waits for another to acknowledge the first key looks again soon, not a poll later', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const late = shared.channel();
  await late.sync({ node: 'late', epoch: '', ack: 0, leaseMs: 120_000 });
  const first = node(shared, { rotateEvery: 43_200, keepFor: 86_400, pollEvery: 30 });
  await first.fleet.start();
  assert.notEqual(current(first)?.origin, 'fleet', 'the other could not open it yet');
  await late.sync({ node: 'late', epoch: shared.epoch, ack: 1, leaseMs: 120_000 });
  await time.pass(1000, 50);
  assert.equal(current(first)?.origin, 'fleet');
  await first.fleet.stop();
});

test('promise 4: through many rotations every node opens at once what any node seals', async () => {
  const { nodes, time } = await fleetOf(3);
  const names = new Set<string>();
  for (let second = 0; second < 1000; second += 2) {
    await time.pass(2000, 1000);
    assert.ok(allOpenAll(nodes), `after ${second} s`);
    names.add(current(nodes[0] as RingNode)?.name as string);
    assert.ok(nodes.every((each) => current(each)?.origin === 'fleet'));
  }
  assert.ok(names.size >= 10, `${names.size} keys`);
});

test('promise 4: a ticket opens on every node for as long as its seal said', async () => {
  const { nodes, time } = await fleetOf(2);
  const sealed = (nodes[0] as RingNode).keyring.seal(0x0304, state) as { ticket: Uint8Array; openUntil: number };
  await time.pass(sealed.openUntil - time.now() - 1000, 1000);
  assert.ok('state' in (nodes[1] as RingNode).keyring.open(0x0304, sealed.ticket));
  await time.pass(2000, 1000);
  assert.deepEqual((nodes[1] as RingNode).keyring.open(0x0304, sealed.ticket), { miss: 'unknownKey' });
});

test('promise 4: no node seals under a key that a living node has not acknowledged', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  // A node that lives, but reads nothing: it renews its lease with an old acknowledgement.
  const deaf = shared.channel();
  const ack = 1;
  const before = current(nodes[0] as RingNode)?.name;
  const poll = async () => {
    await deaf.sync({ node: 'deaf', epoch: shared.epoch, ack, leaseMs: 20_000 });
  };
  for (let second = 0; second < 130; second += 5) {
    await poll();
    await time.pass(5000, 1000);
  }
  // The second key came with revision 1, so it may seal; the third came later and may not.
  const second = current(nodes[0] as RingNode)?.name;
  assert.notEqual(second, before);
  for (let passed = 0; passed < 120; passed += 5) {
    await poll();
    await time.pass(5000, 1000);
    assert.equal(current(nodes[0] as RingNode)?.name, second);
    assert.ok(allOpenAll(nodes), 'each node opens what each seals');
  }
  // It dies: its lease ends, and the rotation goes on.
  await time.pass(60_000, 1000);
  assert.notEqual(current(nodes[0] as RingNode)?.name, second);
  assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
  assert.ok(allOpenAll(nodes), 'each node opens what each seals');
});

test('promise 4: a node that joins opens what the others sealed before', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  const ticket = seal(nodes[0] as RingNode);
  const late = node(shared);
  await late.fleet.start();
  assert.ok('state' in late.keyring.open(0x0304, ticket));
  assert.ok('state' in (nodes[1] as RingNode).keyring.open(0x0304, seal(late)));
  await time.pass(300_000, 1000);
  assert.ok(allOpenAll([...nodes, late]), 'each node opens what each seals');
});

test('promise 4: in an outage nodes go on, rotate together once more, then use local keys; afterwards they agree again', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  shared.down = true;
  const first = current(nodes[0] as RingNode)?.name;
  await time.pass(110_000, 1000);
  assert.notEqual(current(nodes[0] as RingNode)?.name, first);
  assert.ok(allOpenAll(nodes), 'the next key was known before the outage');
  assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
  await time.pass(400_000, 1000);
  assert.equal(current(nodes[0] as RingNode)?.origin, 'local');
  assert.ok((nodes[0] as RingNode).fleet.status.failuresInRow > 10);
  assert.ok('state' in (nodes[0] as RingNode).keyring.open(0x0304, seal(nodes[0] as RingNode)), 'service goes on');
  shared.down = false;
  await time.pass(30_000, 1000);
  assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
  assert.ok(allOpenAll(nodes), 'each node opens what each seals');
});

test('promise 5: a store that lost everything gets the keys back, and no ticket is lost', async () => {
  const { shared, nodes, time } = await fleetOf(3);
  const tickets = nodes.map(seal);
  shared.lose();
  await time.pass(20_000, 1000);
  assert.ok(shared.revision > 0);
  const late = node(shared);
  await late.fleet.start();
  for (const ticket of tickets) assert.ok('state' in late.keyring.open(0x0304, ticket));
  await time.pass(300_000, 1000);
  assert.ok(allOpenAll([...nodes, late]), 'each node opens what each seals');
});

test('promise 4: after a loss, the first node to come back does not seal under a key that the others cannot open', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const cut = new Set<number>();
  const nodes = [0, 1, 2].map((i) => {
    const channel = shared.channel();
    const sync: typeof channel.sync = (request) =>
      cut.has(i) ? Promise.reject(new Error('cut')) : channel.sync(request);
    return node(shared, { channel: { ...channel, sync } });
  });
  await Promise.all(nodes.map(({ fleet }) => fleet.start()));
  await time.pass(20_000, 1000);
  // An outage of a rotation and more, in which everything is lost; one node comes back 3 s before the others.
  for (const i of [0, 1, 2]) cut.add(i);
  shared.lose();
  await time.pass(210_000, 1000);
  assert.ok(allOpenAll(nodes), 'all still seal under the last key that they shared');
  cut.delete(0);
  for (let second = 0; second < 3; second++) {
    await time.pass(1000, 1000);
    assert.ok(allOpenAll(nodes), `${second} s after the first came back`);
  }
  cut.clear();
  for (let second = 0; second < 60; second++) {
    await time.pass(1000, 1000);
    assert.ok(allOpenAll(nodes), `${second} s after the others came back`);
  }
  assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
});

test('promise 5: garbage in place of the document is replaced', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  const ticket = seal(nodes[0] as RingNode);
  for (const garbage of [new Uint8Array(randomBytes(500)), new Uint8Array(0), new Uint8Array([1, 255, 255])]) {
    shared.document = garbage;
    await time.pass(20_000, 1000);
    assert.ok(decodeRingDocument(shared.document), 'the document is whole again');
  }
  const late = node(shared);
  await late.fleet.start();
  assert.ok('state' in late.keyring.open(0x0304, ticket));
});

test('promise 6: the shared document holds no secret, and changed times or keys do not unwrap', async () => {
  const { shared, nodes, time } = await fleetOf(1);
  const other = node(shared, { fleetKeys: [new Uint8Array(randomBytes(32))] });
  await other.fleet.start();
  assert.equal(other.fleet.status.locked, 2);
  assert.deepEqual(other.keyring.open(0x0304, seal(nodes[0] as RingNode)), { miss: 'unknownKey' });
  assert.equal(current(other)?.origin, 'local');

  const document = decodeRingDocument(shared.document) as NonNullable<ReturnType<typeof decodeRingDocument>>;
  shared.document = encodeRingDocument({
    entries: document.entries.map((entry) => ({ ...entry, openUntil: entry.openUntil + 1_000_000 })),
  });
  const late = node(shared);
  await late.fleet.start();
  assert.equal(late.fleet.status.locked, 2);
  await time.pass(1000, 1000);
});

test('a node with the wrong fleet key does not hold up the others', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  const wrong = node(shared, { fleetKeys: [new Uint8Array(randomBytes(32))] });
  await wrong.fleet.start();
  const first = current(nodes[0] as RingNode)?.name;
  const seen = new Set<string>();
  for (let i = 0; i < 40; i++) {
    await time.pass(10_000, 1000);
    seen.add(current(nodes[0] as RingNode)?.name as string);
    assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
  }
  assert.ok(seen.size >= 4 && first !== undefined);
});

test('the fleet key rotates without a lost ticket, and wraps what was wrapped by the old one again', async () => {
  const { shared, nodes, time } = await fleetOf(1);
  const [old] = fleetKeys as [Uint8Array];
  const fresh = new Uint8Array(randomBytes(32));
  const ticket = seal(nodes[0] as RingNode);
  const both = node(shared, { fleetKeys: [fresh, old] });
  await both.fleet.start();
  await (nodes[0] as RingNode).fleet.stop();
  await time.pass(10_000, 1000);
  const after = node(shared, { fleetKeys: [fresh] });
  await after.fleet.start();
  assert.equal(after.fleet.status.locked, 0);
  assert.ok('state' in after.keyring.open(0x0304, ticket));
});

test('a key that leaked is destroyed on every node', async () => {
  const { nodes, time } = await fleetOf(3);
  const ticket = seal(nodes[0] as RingNode);
  assert.equal(await (nodes[1] as RingNode).fleet.revoke(ticket.subarray(1, 17)), true);
  await time.pass(20_000, 1000);
  for (const each of nodes) assert.deepEqual(each.keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  assert.ok(allOpenAll(nodes), 'each node opens what each seals');
  assert.equal(current(nodes[0] as RingNode)?.origin, 'fleet');
});

test('a key that leaked stays destroyed here while the store takes no change', async () => {
  const { shared, nodes, time } = await fleetOf(1);
  const channel = shared.channel();
  let refuses = false;
  const each = node(shared, {
    channel: {
      ...channel,
      propose: async (...args) => {
        if (refuses) throw new Error('OOM command not allowed');
        return channel.propose(...args);
      },
    },
  });
  await each.fleet.start();
  await time.pass(20_000, 1000);
  const ticket = seal(nodes[0] as RingNode);
  assert.ok('state' in each.keyring.open(0x0304, ticket));
  refuses = true;
  assert.equal(await each.fleet.revoke(ticket.subarray(1, 17)), false);
  assert.deepEqual(each.keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  await time.pass(20_000, 1000);
  assert.deepEqual(each.keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  refuses = false;
  await time.pass(20_000, 1000);
  assert.deepEqual((nodes[0] as RingNode).keyring.open(0x0304, ticket), { miss: 'unknownKey' }, 'and told the fleet');
});

test('a key that was revoked stays so on every node, though somebody writes the old document again and again', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  const [a, b] = nodes as [RingNode, RingNode];
  const ticket = seal(a);
  const old = shared.document.slice();
  assert.equal(await a.fleet.revoke(ticket.subarray(1, 17)), true);
  await time.pass(20_000, 1000);
  // Nothing else can be written from now on.
  shared.document = old;
  shared.refuses = true;
  for (let i = 0; i < 20; i++) {
    await time.pass(1000, 500);
    for (const each of [a, b]) assert.deepEqual(each.keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  }
});

test('a key whose time is over leaves the shared document at once, not with the next rotation', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const each = node(shared, { keepFor: 130 });
  await each.fleet.start();
  const first = decodeRingDocument(shared.document)?.entries[0];
  const name = Buffer.from(first?.name as Uint8Array);
  await time.pass((first?.openUntil as number) - time.now() - 500, 1000);
  assert.notEqual(Buffer.from(shared.document).indexOf(name), -1);
  await time.pass(8000, 500);
  assert.equal(Buffer.from(shared.document).indexOf(name), -1);
});

test('while the fleet key rotates, nodes with the old one first and with the new one first do not undo each other', async () => {
  const { shared, nodes, time } = await fleetOf(2);
  const [old] = fleetKeys as [Uint8Array];
  const fresh = new Uint8Array(randomBytes(32));
  await Promise.all(nodes.map(({ fleet }) => fleet.stop()));
  const before = Array.from({ length: 3 }, () => node(shared, { fleetKeys: [old, fresh] }));
  const after = Array.from({ length: 3 }, () => node(shared, { fleetKeys: [fresh, old] }));
  const proposals = shared.proposals;
  await Promise.all([...before, ...after].map(({ fleet }) => fleet.start()));
  await time.pass(40_000, 500);
  assert.ok(shared.proposals - proposals <= 12, `${shared.proposals - proposals} proposals`);
  assert.ok(allOpenAll([...before, ...after]));
  // Those with the old one first give way to others.
  await Promise.all(before.map(({ fleet }) => fleet.stop()));
  await node(shared, { fleetKeys: [fresh, old] }).fleet.start();
  await time.pass(10_000, 500);
  const last = node(shared, { fleetKeys: [fresh] });
  await last.fleet.start();
  assert.equal(last.fleet.status.locked, 0);
});

test('a revocation is not lost to a change that was under way', async () => {
  const { shared, nodes, time } = await fleetOf(1);
  const channel = shared.channel();
  let hold: Promise<void> | undefined;
  let inside: (() => void) | undefined;
  const each = node(shared, {
    channel: {
      ...channel,
      propose: async (...args) => {
        const won = channel.propose(...args);
        inside?.();
        await hold;
        return won;
      },
    },
  });
  await each.fleet.start();
  await (nodes[0] as RingNode).fleet.stop();
  await time.pass(20_000, 1000);
  const ticket = seal(each);
  let release: (() => void) | undefined;
  hold = new Promise((resolve) => (release = resolve));
  const proposing = new Promise<void>((resolve) => (inside = resolve));
  // The next rotation is a proposal.
  const passing = time.pass(90_000, 500);
  await proposing;
  const revoked = each.fleet.revoke(ticket.subarray(1, 17));
  hold = undefined;
  release?.();
  assert.equal(await revoked, true);
  assert.deepEqual(each.keyring.open(0x0304, ticket), { miss: 'unknownKey' });
  await passing;
});

test('an observer that throws does not stop the polling, and nothing is left unhandled', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const each = node(shared, {
    observe: () => {
      throw new Error('the metrics are broken');
    },
  });
  await each.fleet.start();
  assert.equal(each.fleet.status.failuresInRow, 0);
  const { revision } = each.fleet.status;
  await time.pass(300_000, 1000);
  assert.ok(each.fleet.status.revision > revision, 'keys rotate');
  shared.down = true;
  await time.pass(20_000, 1000);
  shared.down = false;
  await time.pass(20_000, 1000);
  assert.equal(each.fleet.status.failuresInRow, 0);
});

test('clocks of nodes may differ: the times are the store’s', async () => {
  const { shared, nodes, time } = await fleetOf(1);
  const skewed = { now: () => time.now() + 40_000 };
  const late = node(shared, { clock: skewed });
  await late.fleet.start();
  const [a, b] = [nodes[0] as RingNode, late];
  const times = (each: RingNode) =>
    each.keyring.describe().filter((key) => key.origin === 'fleet')[0]?.openUntil as number;
  assert.ok(Math.abs(times(b) - times(a) - 40_000) < 1000, `${times(b) - times(a)} ms apart`);
});

test('promise 5: a store that hangs does not stop the polling', async () => {
  const time = new FakeTime();
  const shared = new SharedRing(time);
  const channel = shared.channel();
  let hangs = true;
  const each = node(shared, {
    channel: { ...channel, sync: (request) => (hangs ? new Promise(() => {}) : channel.sync(request)) },
  });
  const started = each.fleet.start();
  await time.pass(3000, 100);
  await started;
  assert.equal(each.fleet.status.failuresInRow, 1);
  assert.ok(each.keyring.seal(0x0304, state), 'it seals under a local key');
  hangs = false;
  await time.pass(10_000, 100);
  assert.equal(current(each)?.origin, 'fleet');
});

test('wrong times are refused when the ring is made', () => {
  const shared = new SharedRing(new FakeTime());
  for (const options of [{ pollEvery: 50 }, { leaseFor: 5 }, { rotateEvery: 0 }, { keepFor: Number.NaN }]) {
    assert.throws(() => node(shared, options), { code: 'ERR_TLS_SESSION_CONFIG' });
  }
});
