/** Handfast as the subject of the interoperability tests: the one place that knows the engine's API. */
import type { Subject } from './subject.ts';

export const ours: Subject = {
  name: 'Handfast',
  version: '0.1.0',
  lacks: () => 'not written yet',
  accept: async () => {
    throw new Error('not written yet');
  },
  connect: async () => {
    throw new Error('not written yet');
  },
};
