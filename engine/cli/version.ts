import { version } from "../../package.json";

/** Version of this command line. */
export const clientVersion: string = version;
