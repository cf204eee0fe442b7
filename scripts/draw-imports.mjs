// npm run draw-imports: see draw-imports.ts.
import { runTypeScript } from "../test/support/run-typescript.mjs";

runTypeScript(new URL("./draw-imports.ts", import.meta.url));
