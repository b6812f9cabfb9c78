import { createHash } from 'node:crypto';
import type { RedisArgument, RedisConnection } from './connection.ts';

/** A Lua script that runs atomically on the server; all its keys share one slot. */
export interface RedisScript {
  run(connection: RedisConnection, keys: readonly string[], args: readonly RedisArgument[]): Promise<unknown>;
}

/** Runs by its hash, and sends the text where the server does not know it (after a restart, or on another node). */
export function redisScript(text: string): RedisScript {
  const hash = createHash('sha1').update(text).digest('hex');
  return {
    run: async (connection, keys, args) => {
      const [first = ''] = keys;
      const rest = [String(keys.length), ...keys, ...args];
      try {
        return await connection.command(first, ['EVALSHA', hash, ...rest]);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
        return await connection.command(first, ['EVAL', text, ...rest]);
      }
    },
  };
}
