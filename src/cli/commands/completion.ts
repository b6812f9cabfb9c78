import { type Command, parse } from '../command.ts';
import { usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { commandNames, loadCommand } from '../main.ts';

const shells = ['bash', 'zsh', 'fish'];

export const completion: Command = {
  name: 'completion',
  summary: 'completion for bash, zsh or fish',
  usage: 'bash|zsh|fish',
  options: {},
  examples: [
    ['eval "$(handfast completion bash)"', 'in ~/.bashrc'],
    ['handfast completion zsh > ~/.zfunc/_handfast', 'for zsh, with ~/.zfunc in fpath'],
    ['handfast completion fish > ~/.config/fish/completions/handfast.fish', 'for fish'],
  ],
  run: async (words) => {
    const { positionals } = parse({}, words, { min: 1, max: 1, names: ['the shell: bash, zsh or fish'] });
    const [shell] = positionals;
    if (shell === undefined || !shells.includes(shell))
      throw usageError(`there is no completion for "${shell}"`, `There is one for ${shells.join(', ')}.`);
    const commands = (await Promise.all(commandNames.map((name) => loadCommand(name)))).filter(
      (each) => each !== undefined,
    );
    process.stdout.write(shell === 'bash' ? bash(commands) : shell === 'zsh' ? zsh(commands) : fish(commands));
    return exitCodes.ok;
  },
};

function flags(command: Command): string[] {
  return Object.keys(command.options).map((name) => `--${name}`);
}

function cases(commands: readonly Command[], line: (pattern: string, words: readonly string[]) => string): string {
  return commands
    .flatMap((command) => [
      line(command.name, [...(command.words?.map(({ name }) => name) ?? []), ...flags(command), '--help']),
      ...(command.words ?? []).map((word) => line(`${command.name} ${word.name}`, [...flags(word), '--help'])),
    ])
    .join('\n');
}

function bash(commands: readonly Command[]): string {
  return `# handfast completion for bash
_handfast() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  if [[ $COMP_CWORD -eq 1 ]]; then
    words="${commandNames.join(' ')} help --help --version"
  else
    local place="\${COMP_WORDS[1]}"
    [[ $COMP_CWORD -gt 2 && $place == ca ]] && place="$place \${COMP_WORDS[2]}"
    case "$place" in
${cases(commands, (pattern, words) => `      "${pattern}") words="${words.join(' ')}" ;;`)}
      help) words="${commandNames.join(' ')} exit-codes" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 || $current != -* ]] && COMPREPLY+=($(compgen -f -- "$current"))
}
complete -o filenames -F _handfast handfast
`;
}

function zsh(commands: readonly Command[]): string {
  return `#compdef handfast
# handfast completion for zsh
_handfast() {
  local place="\${words[2]}"
  if (( CURRENT == 2 )); then
    compadd -- ${commandNames.join(' ')} help
    return
  fi
  (( CURRENT > 3 )) && [[ $place == ca ]] && place="$place \${words[3]}"
  case "$place" in
${cases(commands, (pattern, words) => `    "${pattern}") compadd -- ${words.join(' ')} ;;`)}
    help) compadd -- ${commandNames.join(' ')} exit-codes ;;
  esac
  _files
}
compdef _handfast handfast
`;
}

function fish(commands: readonly Command[]): string {
  const quote = (text: string) => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const lines = ['# handfast completion for fish'];
  for (const command of commands) {
    lines.push(`complete -c handfast -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`);
    for (const word of command.words ?? []) {
      lines.push(
        `complete -c handfast -n '__fish_seen_subcommand_from ${command.name}' -a ${word.name} -d ${quote(word.summary)}`,
      );
      for (const [name, option] of Object.entries(word.options)) {
        lines.push(
          `complete -c handfast -n '__fish_seen_subcommand_from ${word.name}' -l ${name} -d ${quote(option.help)}${option.value === undefined ? '' : ' -r'}`,
        );
      }
    }
    for (const [name, option] of Object.entries(command.options)) {
      lines.push(
        `complete -c handfast -n '__fish_seen_subcommand_from ${command.name}' -l ${name} -d ${quote(option.help)}${option.value === undefined ? '' : ' -r'}`,
      );
    }
  }
  return `${lines.join('\n')}\n`;
}
