/** The command line as Docker's lists show it: arguments with spaces in single quotes. */
export function commandLine([path = "", ...args]: readonly string[]): string {
  return [path, ...args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" ");
}
