// npm run man: see man.ts.
import { runTypeScript } from "../test/support/run-typescript.mjs";

runTypeScript(new URL("./man.ts", import.meta.url));
