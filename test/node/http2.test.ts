/** Node's http2 over Handfast's sockets, under `register`: what it tells of, and in which order. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { testIdentity } from '../helpers/pki.ts';
import { execArgv, moduleLiteral } from '../helpers/process.ts';

const { keyPem: key, chainPem: cert } = testIdentity('ecdsa-p256');
const limit = { timeout: 60_000 };

/** Runs a program with `register` and a secure server `server` of http2; gives what it prints. */
async function run(program: string): Promise<string[]> {
  const whole = `
    import ${moduleLiteral('src/node/register.ts')};
    const { default: http2 } = await import('node:http2');
    const server = http2.createSecureServer(${JSON.stringify({ key, cert })});
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const connect = () => http2.connect('https://127.0.0.1:' + server.address().port, { rejectUnauthorized: false });
    ${program}`;
  const { stdout } = await promisify(execFile)(process.execPath, [...execArgv, '--input-type=module', '-e', whole], {
    timeout: 30_000,
  });
  return stdout.trim().split('\n');
}

test('a response is told before its data, its trailers, and its end', limit, async () => {
  const printed = await run(`
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ last: 'word' }));
      stream.end('body');
    });
    const client = connect();
    const told = await Promise.all(Array.from({ length: 10 }, () => new Promise((resolve) => {
      const words = [];
      const request = client.request();
      for (const name of ['data', 'end', 'response', 'trailers']) request.on(name, () => words.push(name));
      request.on('close', () => resolve(words.join()));
    })));
    console.log([...new Set(told)].join('|'));
    client.close();
    server.close();`);
  assert.deepEqual(printed, ['response,data,trailers,end']);
});

test('what comes with a response in one read, and is its end, is all told', limit, async () => {
  const printed = await run(`
    server.on('stream', (stream) => {
      const { session } = stream;
      stream.respond({ ':status': 200 });
      stream.end('x'.repeat(50000));
      session.close();
    });
    const client = connect();
    client.on('error', (error) => console.log(error.code));
    const request = client.request();
    let size = 0;
    request.on('response', (headers) => console.log(headers[':status']));
    request.on('data', (chunk) => { size += chunk.length; });
    request.on('end', () => console.log(size));
    client.on('close', () => server.close());`);
  assert.deepEqual(printed, ['200', '50000']);
});

test('a server hears of a stream that its client takes back at once', limit, async () => {
  const printed = await run(`
    server.on('stream', (stream) => {
      console.log('stream', stream.destroyed);
      stream.on('error', () => {});
      stream.on('aborted', () => console.log('aborted'));
      stream.on('close', () => { console.log('close', stream.rstCode); client.close(); server.close(); });
    });
    const client = connect();
    client.on('connect', () => {
      const request = client.request({ ':method': 'POST' });
      request.on('error', () => {});
      request.write('part');
      request.close(8);
    });`);
  assert.deepEqual(printed, ['stream false', 'aborted', 'close 8']);
});

test('what came before a stream was given up is told', limit, async () => {
  const printed = await run(`
    server.on('stream', (stream) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200 });
      stream.write('part', () => stream.close(2));
    });
    const client = connect();
    const request = client.request();
    request.on('response', () => console.log('response'));
    request.on('data', (chunk) => console.log(String(chunk)));
    request.on('close', () => { client.close(); server.close(); });`);
  assert.deepEqual(printed.sort(), ['part', 'response']);
});

test('a response ends that has no body, and one that is read late', limit, async () => {
  const printed = await run(`
    server.on('stream', (stream, headers) => {
      stream.respond({ ':status': 200 }, { endStream: headers[':path'] === '/empty' });
      if (headers[':path'] === '/body') stream.end('body');
    });
    const client = connect();
    for (const path of ['/empty', '/body']) {
      await new Promise((resolve) => {
        const request = client.request({ ':path': path });
        request.on('end', () => console.log(path, 'end'));
        if (path === '/body') setTimeout(() => request.resume(), 100);
        request.on('close', resolve);
      });
    }
    client.close();
    server.close();`);
  assert.deepEqual(printed, ['/empty end', '/body end']);
});

test(
  'the frames of all streams that answer together are one write, large or small, and come whole',
  limit,
  async () => {
    const printed = await run(`
    const { TLSSocket } = await import('node:tls');
    const bodies = [13, 16384, 300000];
    const waiting = [];
    let writes;
    for (const name of ['_write', '_writev']) {
      const hook = TLSSocket.prototype[name];
      TLSSocket.prototype[name] = function (...args) {
        if (writes !== undefined && this._tlsOptions.isServer) writes.push(name);
        return hook.apply(this, args);
      };
    }
    server.on('stream', (stream, headers) => {
      waiting.push([stream, Number(headers.size)]);
      if (waiting.length < 10) return;
      writes ??= [];
      for (const [each, size] of waiting.splice(0)) {
        each.respond({ ':status': 200 });
        each.end(Buffer.alloc(size, String(size)));
      }
    });
    const client = connect();
    for (const size of bodies) {
      const sums = await Promise.all(Array.from({ length: 10 }, () => new Promise((resolve, reject) => {
        const request = client.request({ size });
        const chunks = [];
        request.on('data', (chunk) => chunks.push(chunk));
        request.on('error', reject);
        request.on('end', () => resolve(Buffer.concat(chunks).equals(Buffer.alloc(size, String(size)))));
      })));
      console.log(size, sums.every(Boolean));
      if (size === 13) console.log(writes.length < 10 && !writes.includes('_writev') ? 'few writes' : writes.join());
    }
    client.close();
    server.close();`);
    assert.deepEqual(printed, ['13 true', 'few writes', '16384 true', '300000 true']);
  },
);
