import { HttpError } from "./http-error.ts";

/** Of Docker's API, 1.x; what is not asked for by a number is answered as the newest. */
export const newestMinor = 52;
export const oldestMinor = 24;

/** The x of a path's `/v1.x`; without one the newest. @throws HttpError in dockerd's words */
export function minorVersion(text: string | undefined): number {
  if (text === undefined) return newestMinor;
  const [, major = "", minor = ""] = text.match(/^(\d+)\.(\d+)$/) ?? [];
  const isOld = Number(major) < 1 || (major === "1" && Number(minor) < oldestMinor);
  if (isOld) {
    throw new HttpError(
      400,
      `client version ${text} is too old. Minimum supported API version is 1.${oldestMinor}, please upgrade your client to a newer version`,
    );
  }
  if (major !== "1" || Number(minor) > newestMinor) {
    throw new HttpError(
      400,
      `client version ${text} is too new. Maximum supported API version is 1.${newestMinor}`,
    );
  }
  return Number(minor);
}
