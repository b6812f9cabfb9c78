/**
 * Handshakes with other implementations: peer × role × version × suite × group, 1 MiB each way, orderly close.
 *
 * HANDFAST_INTEROP=all       the whole table (`npm run test:interop -- --all`); otherwise the quick half
 * HANDFAST_INTEROP_PEERS     names of peers, separated by commas: only these
 * HANDFAST_REQUIRE_PEERS=1   a peer that is not installed is a failure (CI), not a skip
 * HANDFAST_INTEROP_SUBJECT   `node`: node:tls in our place, to prove the drivers
 * HANDFAST_INTEROP_TABLE     a file that receives the table in Markdown
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { type Case, casesFor, clientIdentity, describeCase, groupsOf, type Role } from './cases.ts';
import { all, eachPeer } from './each-peer.ts';
import { echoServer, post } from './http-echo.ts';
import { nodeTls } from './node-tls.ts';
import { ours } from './ours.ts';
import { checkEcho, type Peer } from './peer.ts';
import { peers } from './peers/all.ts';
import { bounded, caseTimeout, connectWhenReady, killAll, listen, readExactly } from './processes.ts';
import type { Channel, Outcome, Subject, SubjectOptions } from './subject.ts';
import { failures, formatSummary, formatTable, type Row } from './table.ts';

const subject: Subject = process.env['HANDFAST_INTEROP_SUBJECT'] === 'node' ? nodeTls : ours;

/** 1 MiB of lower-case hexadecimal digits in lines: no program takes any of it for a command. */
const payload = Buffer.from(
  Array.from({ length: 16_384 }, (_, i) => createHash('sha256').update(`line ${i}`).digest('hex').slice(1)).join('\n') +
    '\n',
);

/** What our side is told: all that the peer does not fix. */
function subjectOptions(peer: Peer, run: Case): SubjectOptions {
  const fixed = peer.fixes(run.role);
  const weServe = run.role === 'client';
  const identity = weServe ? run.key : clientIdentity(run);
  // A peer may be configured with more groups than the one that the case is about; P-521 is not among our defaults, and
  // X25519MLKEM768 is what they begin with.
  const fixesGroup =
    run.group &&
    run.group !== 'X25519MLKEM768' &&
    (weServe || run.version === '1.2' || run.group === 'secp521r1' || !fixed.includes('groups'));
  return {
    ...(!fixed.includes('version') && { version: run.version }),
    // An opt-in suite is asked for on both sides.
    ...((!fixed.includes('suite') || run.suite.optIn) && { suite: run.suite }),
    ...(fixesGroup && { groups: groupsOf(run, weServe ? 'server' : 'client') }),
    ...(identity && { identity }),
    ...(weServe && run.clientKey && { requireClientCertificate: true }),
  };
}

function checkOutcome(run: Case, outcome: Outcome): void {
  assert.equal(outcome.version, run.version);
  assert.equal(outcome.suite, run.suite.name);
  if (outcome.group !== undefined && run.group !== undefined) assert.equal(outcome.group, run.group);
  const certificates = run.role === 'server' || run.clientKey !== undefined;
  assert.equal(outcome.peerCertificates > 0, certificates, 'the certificates of the peer');
}

/** The peer is the client. */
async function serve(peer: Peer, run: Case): Promise<void> {
  let report: (outcome: Outcome) => void;
  let refuse: (error: unknown) => void;
  const outcome = new Promise<Outcome>((resolve, reject) => {
    report = resolve;
    refuse = reject;
  });
  const http = echoServer();
  const server = await listen((socket) => {
    subject
      .accept(socket, subjectOptions(peer, run))
      .then(async ({ stream, outcome }: Channel) => {
        stream.on('error', refuse);
        if (peer.speaks === 'http') {
          http.emit('connection', stream);
        } else {
          stream.pipe(stream);
          await once(stream, 'end');
        }
        report(outcome);
      })
      .catch((error: unknown) => refuse(error));
  });
  try {
    // Whichever fails first is the reason.
    const both = [peer.runClient?.(run, server.port, payload), outcome.then((each) => checkOutcome(run, each))];
    await bounded(Promise.all(both), 'the case');
  } finally {
    server.close();
  }
}

/** The peer is the server. */
async function connect(peer: Peer, run: Case): Promise<void> {
  const server = await peer.runServer?.(run);
  if (server === undefined) throw new Error('this peer is no server');
  try {
    const socket = await connectWhenReady(server.port, server.alive);
    try {
      const { stream, outcome } = await bounded(subject.connect(socket, subjectOptions(peer, run)), 'the handshake');
      checkOutcome(run, outcome);
      const failed = once(stream, 'error').then(([error]) => Promise.reject(error));
      const exchange = async () => {
        if (peer.speaks === 'http') {
          checkEcho(await post(payload, { stream }), payload);
          return;
        }
        stream.write(payload);
        checkEcho(await readExactly(stream, payload.length), payload);
        stream.end();
        // Only the peer's close_notify ends the stream without an error.
        await once(stream.resume(), 'end');
      };
      await bounded(Promise.race([exchange(), failed]), 'the exchange');
    } finally {
      socket.destroy();
    }
  } catch (error) {
    throw new Error(`${(error as Error).message}; the peer said: ${server.said().slice(-1500)}`, { cause: error });
  } finally {
    await server.stop();
  }
}

const rows: Row[] = [];
const versions = new Map<string, string>();

const declare = (peer: Peer, version: string) => {
  versions.set(peer.name, version);
  after(async () => await peer.finish?.());
  for (const role of ['client', 'server'] satisfies Role[]) {
    const can = peer.can(role);
    if (can === undefined) continue;
    for (const run of casesFor(role, can, all)) {
      const lacks = subject.lacks(run.group, run.suite);
      const row: Row = { peer: peer.name, run, result: lacks === undefined ? 'not run' : `skipped: ${lacks}` };
      rows.push(row);
      test(`as ${role}: ${describeCase(run)}`, { skip: lacks ?? false, timeout: caseTimeout + 10_000 }, async () => {
        try {
          await (role === 'client' ? serve(peer, run) : connect(peer, run));
          row.result = 'ok';
        } catch (error) {
          row.result = (error as Error).message;
          killAll();
          throw error;
        }
      });
    }
  }
};

await eachPeer(peers, declare, ({ name }) => versions.set(name, 'absent'));

after(() => {
  const table = formatTable(rows);
  const failed = failures(rows);
  console.log(`${subject.name} ${subject.version}\n${table}`);
  console.log(failed.length === 0 ? `all ${rows.length} handshakes succeeded` : failed.join('\n'));
  const file = process.env['HANDFAST_INTEROP_TABLE'];
  if (file) writeFileSync(file, `${formatSummary(rows, versions)}\n\n${table}\n`);
});
