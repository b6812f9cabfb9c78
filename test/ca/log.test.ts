import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { checkLog, createAuthority, type JournalHead, openAuthority } from '../../src/ca/index.ts';
import { headText, openJournal } from '../../src/ca/storage/journal.ts';
import { keyFromPem } from '../../src/ca/storage/keys.ts';
import { createNodeCrypto } from '../../src/crypto/node.ts';
import { temporaryFolder } from './helpers/temporary-folder.ts';

/** An authority with a few certificates, closed again; and the heads it signed. */
async function usedAuthority(folder: string): Promise<JournalHead[]> {
  const heads: JournalHead[] = [];
  const ca = await createAuthority({ folder, name: 'Test', witness: (head) => heads.push(head) });
  const { serial } = await ca.issue({ names: ['a.test'] });
  await ca.issue({ names: ['b.test'] });
  await ca.revoke(serial, 'keyCompromise');
  await ca.close();
  return heads;
}

const damaged = { code: 'ERR_TLS_CA_LOG' };

describe('the issue log', () => {
  test('holds what happened, each line chained to the one before, with a signed head', async (t) => {
    const folder = temporaryFolder(t);
    const heads = await usedAuthority(folder);
    const entries = readFileSync(join(folder, 'log.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      entries.map(({ type }) => type),
      ['begin', 'issuer', 'crl', 'intent', 'issued', 'intent', 'issued', 'revoked', 'crl'],
    );
    const { entries: count, head } = await checkLog(folder);
    assert.equal(count, entries.length);
    assert.deepEqual(head, heads.at(-1));
    for (const noted of heads) await checkLog(folder, noted);
  });

  test('a changed, removed, added or moved line shows', async (t) => {
    const folder = temporaryFolder(t);
    await usedAuthority(folder);
    const path = join(folder, 'log.jsonl');
    const text = readFileSync(path, 'utf8');
    const lines = text.trimEnd().split('\n');
    const tampered: Record<string, string[]> = {
      changed: lines.map((line, i) => (i === 3 ? line.replace('a.test', 'c.test') : line)),
      removed: lines.filter((_, i) => i !== 4),
      'first removed': lines.slice(1),
      added: [...lines.slice(0, 3), lines[2] as string, ...lines.slice(3)],
      moved: [...lines.slice(0, 4), lines[5] as string, lines[4] as string, ...lines.slice(6)],
      'changed revocation': lines.map((line) => line.replace('keyCompromise', 'superseded')),
      nonsense: lines.map((line, i) => (i === 3 ? 'x' : line)),
    };
    for (const [how, changed] of Object.entries(tampered)) {
      writeFileSync(path, `${changed.join('\n')}\n`);
      await assert.rejects(checkLog(folder), damaged, how);
      await assert.rejects(openAuthority({ folder }), damaged, how);
    }
    writeFileSync(path, text);
    await (await openAuthority({ folder })).close();
  });

  test('a cut tail shows: by the head beside it, and where that was set back too, by a head noted elsewhere', async (t) => {
    const folder = temporaryFolder(t);
    const heads = await usedAuthority(folder);
    const path = join(folder, 'log.jsonl');
    const cut = (file: string, lines: number) => {
      const text = readFileSync(file, 'utf8').trimEnd().split('\n');
      writeFileSync(file, `${text.slice(0, text.length - lines).join('\n')}\n`);
    };
    const copy = join(folder, 'copy');
    copyFileSync(path, copy);
    cut(path, 1);
    await assert.rejects(checkLog(folder), damaged);
    await assert.rejects(openAuthority({ folder }), damaged);
    cut(path, 1);
    cut(`${path}.heads`, 2); // the revocation and its CRL are gone, and so is the head that vouched for them
    await checkLog(folder);
    await assert.rejects(checkLog(folder, heads.at(-1)), damaged);
    copyFileSync(copy, path);
    writeFileSync(`${path}.heads`, '');
    await assert.rejects(checkLog(folder), damaged);
  });

  test('a head that someone else signed is refused', async (t) => {
    const folder = temporaryFolder(t);
    const heads = await usedAuthority(folder);
    const last = heads.at(-1) as JournalHead;
    const forged = { ...last, signature: Buffer.alloc(64, 1).toString('base64') };
    writeFileSync(join(folder, 'log.jsonl.heads'), `${JSON.stringify(forged)}\n`);
    await assert.rejects(checkLog(folder), damaged);
    await assert.rejects(openAuthority({ folder }), damaged);
    assert.notDeepEqual(headText(last), headText({ ...last, n: last.n + 1 }));
  });

  test('a torn last line is removed, whole lines that no head covers yet are kept', async (t) => {
    const folder = temporaryFolder(t);
    await usedAuthority(folder);
    const path = join(folder, 'log.jsonl');
    const whole = readFileSync(path);
    for (const torn of ['{"n":9', '{', '\0\0\0\0', '\0\0\0\0}\n{"n":10}\n']) {
      writeFileSync(path, Buffer.concat([whole, Buffer.from(torn)]));
      writeFileSync(`${path}.heads`, `${readFileSync(`${path}.heads`, 'utf8')}{"n":9,"ha`);
      const ca = await openAuthority({ folder });
      assert.equal(ca.list().length, 2);
      await ca.close();
      assert.deepEqual(readFileSync(path), whole);
    }
    const heads = readFileSync(`${path}.heads`, 'utf8').trimEnd().split('\n');
    writeFileSync(`${path}.heads`, `${heads.slice(0, -1).join('\n')}\n`);
    const ca = await openAuthority({ folder });
    assert.equal(ca.list().filter(({ revoked }) => revoked).length, 1);
    await ca.close();
  });
});

describe('a power cut at any byte', () => {
  test('loses nothing that a head vouches for, and a cut below the head shows', async (t) => {
    const folder = temporaryFolder(t);
    await usedAuthority(folder);
    const path = join(folder, 'log.jsonl');
    const log = readFileSync(path);
    const heads = readFileSync(`${path}.heads`);
    // The heads as they were at each flush, and what of the log each vouches for.
    const flushes = heads
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as JournalHead);
    const ends = [...log.toString().matchAll(/\n/g)].map(({ index }) => index + 1);
    for (const [i, head] of flushes.entries()) {
      if (i < 2) continue; // before that there was no authority yet
      const headsThen = `${flushes
        .slice(0, i + 1)
        .map((one) => JSON.stringify(one))
        .join('\n')}\n`;
      const vouched = ends[head.n - 1] as number;
      const next = flushes[i + 1];
      const upTo = next === undefined ? log.length : (ends[next.n - 1] as number);
      for (let cut = vouched; cut <= upTo; cut += 61) {
        writeFileSync(path, log.subarray(0, cut));
        writeFileSync(`${path}.heads`, headsThen);
        const read = await openJournal(path, { ...verifying(folder), replay: () => {} });
        assert.ok(read.length >= head.n, `${read.length} of ${head.n}`);
        await read.close();
      }
      writeFileSync(path, log.subarray(0, vouched - 1));
      writeFileSync(`${path}.heads`, headsThen);
      await assert.rejects(checkLog(folder), damaged);
    }
  });

  function verifying(folder: string) {
    const crypto = createNodeCrypto();
    const key = crypto.importPrivateKey(keyFromPem(readFileSync(join(folder, 'log.key'), 'utf8'), 'log.key'));
    const publicKey = crypto.importPublicKey(key.publicKey);
    const algorithm = { kind: 'ed25519' } as const;
    return {
      heads: {
        sign: (text: Uint8Array) => key.sign(algorithm, text),
        verify: (text: Uint8Array, signature: Uint8Array) => publicKey.verify(algorithm, text, signature),
      },
    };
  }
});

describe('a journal', () => {
  test('acknowledges nothing before it is flushed, and nothing at all once a flush has failed', async (t) => {
    const folder = temporaryFolder(t);
    const probe = await open(join(folder, 'probe'), 'w');
    const prototype = Object.getPrototypeOf(probe) as { datasync(): Promise<void> };
    await probe.close();
    const { datasync } = prototype;
    /** The flushes that were asked for and wait, and who waits for one to be asked for. */
    const flushes: ((error?: Error) => void)[] = [];
    let asked: () => void = () => {};
    prototype.datasync = () =>
      new Promise((resolve, reject) => {
        flushes.push((error) => (error === undefined ? resolve() : reject(error)));
        asked();
      });
    const nextFlush = async () => {
      if (flushes.length === 0) await new Promise<void>((resolve) => (asked = resolve));
      await new Promise((resolve) => setTimeout(resolve, 30));
      return flushes.shift() as (error?: Error) => void;
    };
    t.after(() => {
      prototype.datasync = datasync;
    });
    const journal = await openJournal(join(folder, 'j'), { replay: () => {} });
    let acknowledged = 0;
    const appended = journal.append({ type: 'a' }).then(() => acknowledged++);
    const flush = await nextFlush();
    assert.equal(acknowledged, 0);
    flush();
    await appended;
    assert.equal(acknowledged, 1);
    const failing = journal.append({ type: 'b' });
    (await nextFlush())(new Error('EIO'));
    await assert.rejects(failing, { code: 'ERR_TLS_CA_STORAGE' });
    await assert.rejects(journal.append({ type: 'c' }), { code: 'ERR_TLS_CA_STORAGE' });
    await journal.close();
  });

  test('appends of one moment share a flush and keep their order', async (t) => {
    const path = join(temporaryFolder(t), 'j');
    const first = await openJournal(path, { replay: () => assert.fail('it is new') });
    await Promise.all(Array.from({ length: 50 }, (_, i) => first.append({ type: 'a', i }, { type: 'b', i })));
    await first.close();
    await assert.rejects(first.append({ type: 'late' }), { code: 'ERR_TLS_CA_STORAGE' });
    const seen: unknown[] = [];
    const second = await openJournal(path, { replay: ({ type, n, i }) => seen.push([type, n, i]) });
    await second.close();
    assert.deepEqual(
      seen,
      Array.from({ length: 100 }, (_, k) => [k % 2 === 0 ? 'a' : 'b', k + 1, k >> 1]),
    );
  });
});
