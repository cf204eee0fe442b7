// `npm run quick-starts`: see run.ts.
import { runTypeScript } from "../support/run-typescript.mjs";

runTypeScript(new URL("./run.ts", import.meta.url));
