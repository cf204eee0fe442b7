import { invalidSetting, readSettingsFile } from "../../../../common/settings-file.ts";

/**
 * Whether a VM that is simulated without having been asked to warns of it: the key `simulation-warning` of
 * `engine.json` in `directory`. Read afresh for each VM.
 * @throws INVALID_ARGUMENT naming the file
 */
export function warnsOfSimulation(directory: string): boolean {
  const { path, keys } = readSettingsFile(directory);
  const wanted = keys["simulation-warning"] ?? true;
  if (typeof wanted !== "boolean") throw invalidSetting(path, '"simulation-warning" must be true or false');
  return wanted;
}
