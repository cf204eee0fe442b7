import { isIP } from "node:net";
import { invalidSetting, readSettingsFile } from "../../common/settings-file.ts";

/**
 * Where ports are published that name no address: the key `ip` of `engine.json` in `directory`, as in
 * Docker's daemon.json. Empty is on all addresses of both families. Read afresh for each start.
 * @throws INVALID_ARGUMENT naming the file
 */
export function defaultHostAddress(directory: string): string {
  const { path, keys } = readSettingsFile(directory);
  const { ip } = keys;
  if (ip === undefined) return "";
  if (typeof ip !== "string" || isIP(ip) === 0) throw invalidSetting(path, '"ip" must be an IP address');
  return ip;
}
