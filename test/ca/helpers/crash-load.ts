/** Issues and revokes without end and says on standard output what was acknowledged; it is there to be killed. */
import { writeSync } from 'node:fs';
import { openAuthority } from '../../../src/ca/index.ts';

const folder = process.argv[2] as string;
const ca = await openAuthority({ folder });
writeSync(1, 'ready\n');
const worker = async (n: number): Promise<void> => {
  for (let i = 0; ; i++) {
    const { serial } = await ca.issue({ names: [`w${n}.test`], reference: `${process.pid}/${n}/${i}` });
    writeSync(1, `issued ${serial}\n`);
    if (i % 3 !== n % 3) continue;
    await ca.revoke(serial, 'keyCompromise');
    writeSync(1, `revoked ${serial}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, (_, n) => worker(n)));
