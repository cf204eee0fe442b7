// npm run list-flags: see list-flags.ts.
import { runTypeScript } from "../test/support/run-typescript.mjs";

runTypeScript(new URL("./list-flags.ts", import.meta.url));
