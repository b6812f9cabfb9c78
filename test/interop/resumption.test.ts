/**
 * Resumption with other implementations: peer × role × kind, each by two connections, the second with the session of
 * the first. Our server and our client do only the kind in question, and report that they did it; the peer's own word
 * is heard where it has one. The variables are those of interop.test.ts; HANDFAST_RESUMPTION_TABLE names a file that
 * receives the table.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { Role } from './cases.ts';
import { eachPeer } from './each-peer.ts';
import { bounded, caseTimeout, killAll } from './processes.ts';
import {
  earlyLine,
  type Kind,
  kindNames,
  kinds,
  type ResumptionPeer,
  resumptionOf,
  type Word,
} from './resumption/kinds.ts';
import { ourClient, ourServer } from './resumption/ours.ts';
import { peers } from './resumption/peers/all.ts';
import { type Cell, formatTable, isGood } from './resumption/table.ts';

/** Who says that the connection resumed. A peer that says something else makes the case fail. */
function heard(word: Word, kind: Kind): 'both' | 'ours' {
  assert.notEqual(word.resumed, false, 'the peer says that its second connection was a full handshake');
  assert.notEqual(word.early, false, 'the peer says that there was no early data');
  return (kind === 'earlyData' ? word.early : word.resumed) === true ? 'both' : 'ours';
}

/** The peer is the client. */
async function serve(peer: ResumptionPeer, kind: Kind): Promise<'both' | 'ours'> {
  const server = await ourServer(kind, peer.speaks('client', kind));
  try {
    const word = await bounded(
      peer.runClient?.(kind, server.port) ?? Promise.reject(new Error('no client')),
      'the case',
    );
    const visits = server.visits.filter((visit) => visit.connected());
    const first = visits[0]?.info();
    const last = visits.at(-1)?.info();
    assert.ok(visits.length >= 2 && first && last, `${visits.length} connections came: ${server.errors.join('; ')}`);
    assert.equal(first.resumption, 'none');
    assert.equal(last.resumption, resumptionOf(kind), JSON.stringify(server.sessions.counters));
    assert.deepEqual(last.peerCertificates, first.peerCertificates);
    assert.ok(server.sessions.counters.hits[resumptionOf(kind)] >= 1);
    if (kind === 'earlyData') {
      assert.equal(last.earlyData, 'accepted', JSON.stringify(server.sessions.counters.earlyData));
      // A browser sends its request when it has it: on a fast network the server's flight may be there first.
      if (peer.speaks('client', kind) === 'echo') {
        assert.ok((visits.at(-1)?.received.early.length ?? 0) > 0, 'no data came before the handshake was done');
        assert.ok(visits.at(-1)?.received.text.startsWith(earlyLine), 'it is not what the peer was told to send');
      }
    }
    return heard(word, kind);
  } catch (error) {
    throw new Error(`${(error as Error).message} ${server.errors.join('; ')}`, { cause: error });
  } finally {
    server.close();
  }
}

/** The peer is the server. */
async function connect(peer: ResumptionPeer, kind: Kind): Promise<'both' | 'ours'> {
  const server = await peer.runServer?.(kind);
  if (server === undefined) throw new Error('this peer is no server');
  try {
    const speaks = peer.speaks('server', kind);
    const first = await ourClient(kind, speaks, server);
    assert.equal(first.info.resumption, 'none');
    assert.ok(first.sessions.length > 0, 'the server gave no session');
    const second = await ourClient(kind, speaks, server, first.sessions);
    assert.equal(second.info.resumption, resumptionOf(kind));
    // A resumption shows no certificates: those of the session count.
    assert.deepEqual(second.info.peerCertificates, first.info.peerCertificates);
    if (kind === 'earlyData') assert.equal(second.info.earlyData, 'accepted');
    return heard(await server.word(second.answer), kind);
  } catch (error) {
    throw new Error(`${(error as Error).message}; the peer said: ${server.said().slice(-1500)}`, { cause: error });
  } finally {
    await server.stop();
  }
}

const cells: Cell[] = [];

await eachPeer(peers, (peer, version) => {
  for (const role of ['client', 'server'] satisfies Role[]) {
    for (const kind of kinds) {
      const lacks = peer.lacks(role, kind);
      const cell: Cell = { peer: peer.name, version, role, kind, result: lacks ? `lacks: ${lacks}` : 'not run' };
      cells.push(cell);
      if (lacks !== undefined) continue;
      test(`as ${role}: ${kindNames[kind]}`, { timeout: caseTimeout + 10_000 }, async () => {
        try {
          cell.result = await (role === 'client' ? serve(peer, kind) : connect(peer, kind));
        } catch (error) {
          cell.result = (error as Error).message;
          killAll();
          throw error;
        }
      });
    }
  }
});

after(() => {
  const bad = cells.filter((cell) => !isGood(cell));
  const table = formatTable(cells);
  const ran = cells.filter(({ result }) => !result.startsWith('lacks: '));
  const sum = `${ran.length - bad.length} of ${ran.length} resumptions, ${cells.length - ran.length} not in the peer`;
  console.log(`Handfast on Node ${process.versions.node}\n${table}\n\n${sum}`);
  for (const { peer, role, kind, result } of bad) console.log(`${peer} as ${role}, ${kindNames[kind]}: ${result}`);
  const file = process.env['HANDFAST_RESUMPTION_TABLE'];
  if (file) writeFileSync(file, `${sum}\n\n${table}\n`);
});
