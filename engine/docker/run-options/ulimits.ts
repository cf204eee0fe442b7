/** The grammar of `--ulimit` (go-units' ParseUlimit). */
import type { Ulimit } from "../../protocol/vm.ts";

const names = [
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
];

/** `nofile=1024:2048`, `core=-1`: -1 is unlimited. @throws Error with the reason alone, in Docker's words */
export function parseUlimit(text: string): Ulimit {
  const equals = text.indexOf("=");
  if (equals < 0) throw new Error(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  if (!names.includes(name)) throw new Error(`invalid ulimit type: ${name}`);
  const limits = text.slice(equals + 1).split(":");
  if (limits.length > 2)
    throw new Error(
      `too many limit value arguments - ${limits.join(":")}, can only have up to two, \`soft[:hard]\``,
    );
  const [soft = 0, hard = soft] = limits.map(number);
  if (hard !== -1 && (soft > hard || soft === -1))
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
  return { name, soft, hard };
}

function number(text: string): number {
  const value = Number(text);
  if (!/^[+-]?\d+$/.test(text))
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
}
