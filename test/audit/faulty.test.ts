import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasProgram, program } from '../cli/run.ts';
import { temporaryFolder } from '../interop/processes.ts';
import { alarms, inspectServer } from './faulty/inspect.ts';
import { faultyServers, startFaulty } from './faulty/servers.ts';

const programs = {
  nginx: 'nginx',
  HAProxy: 'haproxy',
  OpenSSL: 'openssl',
  GnuTLS: 'gnutls-serv',
  Go: 'go',
  Node: 'node',
} as const;

// The whole, with testssl.sh and sslyze beside it: test/audit/faulty/record.ts.
describe('handfast inspect finds the faults that were put into servers, and none in good ones', () => {
  for (const each of faultyServers.filter(({ fast }) => fast === true)) {
    const absent = !hasProgram(programs[each.server]) && process.env['HANDFAST_REQUIRE_PEERS'] !== '1';
    const skip = absent || !hasProgram('openssl') ? `${programs[each.server]} is not installed` : false;
    test(`${each.server}: ${each.fault ?? 'good'}`, { skip, timeout: 120_000 }, async () => {
      const folder = temporaryFolder();
      const { port, running } = await startFaulty(each, folder);
      try {
        const { findings, code } = await inspectServer(program(), each, port, folder);
        if (each.expect === undefined) assert.deepEqual([alarms(findings, each), code], [[], 0]);
        else {
          assert.ok(alarms(findings, each).includes(each.expect.join(' ')), JSON.stringify(findings, undefined, 1));
          assert.equal(code, 1);
        }
      } finally {
        await running.stop();
      }
    });
  }
});
