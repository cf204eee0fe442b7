/**
 * The editor's translations, for modules that also work where there is no editor: in tests, and before it is
 * asked.
 */

type Argument = string | number;
type Translate = (message: string, ...args: Argument[]) => string;

let translate: Translate = (message, ...args) =>
  message.replaceAll(/\{(\d+)\}/g, (whole, index) => String(args[Number(index)] ?? whole));

/** To be called once, with `vscode.l10n.t`. */
export function useTranslations(t: Translate): void {
  translate = t;
}

export const l10n = { t: (message: string, ...args: Argument[]): string => translate(message, ...args) };
