import type { PeerServer } from '../peer.ts';
import { bounded, type Running } from '../processes.ts';

/** A server program of ours in another language: the first line of its output is its port. */
export async function serverThatPrintsItsPort(program: Running): Promise<PeerServer & { output(): string }> {
  let over = false;
  void program.exited.then(() => {
    over = true;
  });
  let text = '';
  const firstLine = new Promise<number>((resolve, reject) => {
    program.stdout.on('data', (chunk: Buffer) => {
      text += chunk;
      if (text.includes('\n')) resolve(Number.parseInt(text, 10));
    });
    program.stdout.on('end', () => reject(new Error(`no port was printed: ${program.said()}`)));
  });
  const port = await bounded(firstLine, 'the start of the server');
  return { port, alive: () => !over, said: program.said, output: () => text, stop: program.stop };
}
