/** Sizes in Docker's words (go-units). */

const decimalUnits = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Bytes with `digits` significant digits: `7.73MB`, `0B`. Docker's tables use 3, its progress 4. */
export function humanSize(bytes: number, digits = 3): string {
  let value = bytes;
  let unit = 0;
  // Rounding first: 999.9 kB is "1MB", not "1e+03kB".
  while (Number(value.toPrecision(digits)) >= 1000 && unit < decimalUnits.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${decimalUnits[unit]}`;
}

const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Bytes in powers of 1024 with 4 significant digits: `15.54GiB`. */
export function binarySize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Number(value.toPrecision(4)) >= 1024 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${binaryUnits[unit]}`;
}

/** Bytes of `10m`, `1.5g`, `1024` (units are powers of 1000). @throws Error in go-units' words */
export function parseSize(text: string): number {
  return parseUnits(text, 1000);
}

const powers: Record<string, number> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/** Bytes of `512m`, `1.5g`, `64KiB`, `1024` (units are powers of 1024). @throws Error in go-units' words */
export function parseMemory(text: string): number {
  return parseUnits(text, 1024);
}

function parseUnits(text: string, base: number): number {
  const match = /^([0-9]+(?:\.[0-9]+)?) ?([a-z]*)$/i.exec(text);
  if (match === null) throw new Error(`invalid size: '${text}'`);
  const suffix = (match[2] ?? "").toLowerCase();
  const unit = /^(?:([kmgtp])i?)?b?$/.exec(suffix);
  if (unit === null) throw new Error(`invalid suffix: '${match[2]}'`);
  return Math.floor(Number(match[1]) * base ** (powers[unit[1] ?? ""] ?? 0));
}
