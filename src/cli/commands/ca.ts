import { type Command, nearest } from '../command.ts';
import { usageError } from '../errors.ts';
import { acme } from './ca-acme.ts';
import { exportPkcs12 } from './ca-export.ts';
import { init, renewIssuer } from './ca-init.ts';
import { issue, renew, revoke, sign } from './ca-issue.ts';
import { check, crl, doctor, list, root, show } from './ca-look.ts';
import { trust, untrust } from './ca-trust.ts';

const words: readonly Command[] = [
  init,
  trust,
  untrust,
  issue,
  sign,
  renew,
  revoke,
  list,
  show,
  exportPkcs12,
  root,
  crl,
  check,
  doctor,
  renewIssuer,
  acme,
];

export const ca: Command = {
  name: 'ca',
  summary: 'your certificate authority: issue, renew, revoke, and have it trusted',
  usage: 'WORD [options]',
  description:
    'A certificate authority in a folder. The first certificate makes it; `handfast ca init` makes it with settings of your own. Keys are readable by this user alone.',
  words,
  options: {},
  examples: [
    ['handfast ca issue app.test 10.0.0.7', 'a certificate with its key: app.test.pem and app.test.key'],
    ['handfast ca trust', 'put the root into the trust stores of this machine'],
    ['handfast ca list', 'everything that was issued'],
  ],
  run: async ([word, ...rest]) => {
    if (word === undefined)
      throw usageError('which one? `handfast ca` needs a word', `One of: ${words.map(({ name }) => name).join(', ')}`);
    const found = words.find(({ name }) => name === word);
    if (found !== undefined) return found.run(rest);
    const near = nearest(
      word,
      words.map(({ name }) => name),
    );
    throw usageError(
      `\`handfast ca\` knows no "${word}"`,
      near === undefined ? 'See `handfast help ca`.' : `Did you mean \`handfast ca ${near}\`?`,
    );
  },
};
