/** Which environment variables a plan may set for a command: none that make a program load or start another one. */

const REFUSED_NAMES: readonly string[] = [
  // Set by the executor itself.
  'PATH',
  'HOME',
  // Read by shells.
  'BASH_ENV',
  'BASHOPTS',
  'CDPATH',
  'ENV',
  'IFS',
  'PROMPT_COMMAND',
  'PS4',
  'SHELL',
  'SHELLOPTS',
  'ZDOTDIR',
  // Read by the C library.
  'GCONV_PATH',
  'GLIBC_TUNABLES',
  'HOSTALIASES',
  'LOCPATH',
  'NLSPATH',
  // Programs that programs start.
  'BROWSER',
  'EDITOR',
  'LESSCLOSE',
  'LESSOPEN',
  'MANPAGER',
  'PAGER',
  'VISUAL',
];
/** Read by loaders, languages and programs: with most of these names code can be loaded. */
const REFUSED_BEGINNINGS: readonly string[] = [
  'BASH_FUNC_',
  'COUNTERSIGN_',
  'DYLD_',
  'GIT_',
  'JAVA_',
  'JDK_',
  'LD_',
  'MAVEN_',
  'NODE_',
  'NPM_CONFIG_',
  'PERL',
  'PHP',
  'PYTHON',
  'RUBY',
  'SSH_',
  '_JAVA_',
];

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** What is wrong with a variable that a plan sets; null when nothing is. */
export function variableProblem(name: string, value: string): string | null {
  if (!NAME.test(name)) return `${JSON.stringify(name)} is no name of an environment variable: letters, digits and '_'`;
  const upper = name.toUpperCase();
  if (REFUSED_NAMES.includes(upper) || REFUSED_BEGINNINGS.some((beginning) => upper.startsWith(beginning)))
    return `${name} can't be set: it can make a program load or start something else`;
  return value.includes('\0') ? `${name} holds a zero byte` : null;
}
