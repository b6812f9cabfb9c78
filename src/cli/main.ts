import { type Command, type Explained, explained, helpOf, nearest } from './command.ts';
import { CliError, humanError } from './errors.ts';
import { exitCodeMeanings, exitCodes } from './exit-codes.ts';
import { watchOutput } from './ui/output.ts';
import { painter, type Style, wrap } from './ui/terminal.ts';

/** A command is only loaded when it is called: the start is fast, and one that is broken breaks no other. */
const commands: Readonly<Record<string, { summary: string; load: () => Promise<Command> }>> = {
  serve: {
    summary: 'serve a folder over HTTPS, with a certificate of your own local authority',
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  proxy: {
    summary: 'put HTTPS in front of any app',
    load: async () => (await import('./commands/proxy.ts')).proxy,
  },
  get: {
    summary: 'fetch a URL, and tell the handshake in plain words',
    load: async () => (await import('./commands/get.ts')).get,
  },
  inspect: {
    summary: 'audit a server: versions, suites, certificate, and how it resumes sessions',
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  compare: {
    summary: 'full handshake, session ID, session ticket, PSK and 0-RTT side by side, measured',
    load: async () => (await import('./commands/compare.ts')).compare,
  },
  ca: {
    summary: 'your certificate authority: issue, renew, revoke, and have it trusted',
    load: async () => (await import('./commands/ca.ts')).ca,
  },
  ech: {
    summary: 'make a key for Encrypted Client Hello, which hides the names that clients ask for',
    load: async () => (await import('./commands/ech.ts')).ech,
  },
  bench: {
    summary: 'how fast this machine is: handshakes and bulk data of one core',
    load: async () => (await import('./commands/bench.ts')).bench,
  },
  completion: {
    summary: 'completion for bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
};

/** The names of all commands. */
export const commandNames: readonly string[] = Object.keys(commands);

/** Loads a command by its name. */
export function loadCommand(name: string): Promise<Command> | undefined {
  return Object.hasOwn(commands, name) ? commands[name]?.load() : undefined;
}

/** Runs a command line; the exit code. */
export async function main(words: readonly string[]): Promise<number> {
  watchOutput();
  try {
    return await dispatch(words);
  } catch (error) {
    return report(error, words);
  }
}

async function dispatch(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h') {
    process.stdout.write(overview());
    return name === undefined ? exitCodes.usage : exitCodes.ok;
  }
  if (name === '--version' || name === '-V') {
    process.stdout.write(`${await version()}\n`);
    return exitCodes.ok;
  }
  if (name === 'help') return help(rest);
  const loading = loadCommand(name);
  if (loading === undefined) throw unknownCommand(name);
  const command = await loading;
  const plain = rest.includes('--') ? rest.slice(0, rest.indexOf('--')) : rest;
  if (plain.includes('--help') || plain.includes('-h')) return showHelp(command, rest);
  return command.run(rest);
}

async function help(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  if (name === undefined) process.stdout.write(overview());
  else if (name === 'exit-codes') process.stdout.write(exitCodeTable());
  else {
    const loading = loadCommand(name);
    if (loading === undefined) throw unknownCommand(name);
    return showHelp(await loading, rest);
  }
  return exitCodes.ok;
}

function showHelp(command: Command, words: readonly string[]): number {
  const word = command.words?.find((each) => each.name === words[0]);
  const columns = helpColumns();
  const paint = painter(process.stdout);
  process.stdout.write(
    word === undefined ? helpOf(command, paint, columns) : helpOf(word, paint, columns, `handfast ${command.name}`),
  );
  return exitCodes.ok;
}

function helpColumns(): number {
  return Math.min(process.stdout.columns || 80, 100);
}

function overview(): string {
  const paint = painter(process.stdout);
  const columns = helpColumns();
  const list = (entries: readonly Explained[]) => explained(entries, columns, paint).join('\n');
  const name = paint('bold', 'handfast');
  return `${wrap(`${name}: HTTPS from the ground up, with session resumption done right`, columns)}

${list(commandNames.map((each) => [each, commands[each]?.summary ?? '']))}

${list([
  ['handfast help COMMAND', 'options and examples'],
  ['handfast help exit-codes', 'what the exit codes mean'],
  ['handfast --version', 'which one this is'],
])}
`;
}

function exitCodeTable(): string {
  const plain = (_: Style, text: string) => text;
  const list = Object.entries(exitCodeMeanings).map(([code, meaning]): Explained => [code.padStart(3), meaning]);
  return `${explained(list, helpColumns(), plain).join('\n')}\n`;
}

function unknownCommand(name: string): CliError {
  const near = nearest(name, commandNames);
  return new CliError(`there is no command "${name}"`, {
    hint: near === undefined ? 'See `handfast help`.' : `Did you mean \`handfast ${near}\`?`,
    exitCode: exitCodes.usage,
  });
}

function report(error: unknown, words: readonly string[]): number {
  const { message, exitCode, ...rest } = humanError(error);
  const command = words[0] !== undefined && commandNames.includes(words[0]) ? words[0] : undefined;
  const help = exitCode === exitCodes.usage && command !== undefined ? `See \`handfast help ${command}\`.` : undefined;
  const hint = rest.hint ?? help;
  if (words.includes('--json')) {
    const code = (error as { code?: unknown } | undefined)?.code;
    process.stdout.write(`${JSON.stringify({ error: { message, hint, code, exitCode } })}\n`);
  }
  const paint = painter(process.stderr);
  process.stderr.write(`${paint('red', 'handfast')}: ${message}\n`);
  if (hint !== undefined) process.stderr.write(`${paint('dim', '→')} ${hint}\n`);
  return exitCode;
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
