// node test/extension/look.mjs [COMMAND…]: see look.ts.
import { runTypeScript } from "../support/run-typescript.mjs";

runTypeScript(new URL("./look.ts", import.meta.url));
