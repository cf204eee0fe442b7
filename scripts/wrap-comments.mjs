// npm run wrap-comments [-- PATH…]: see wrap-comments.ts.
import { runTypeScript } from "../test/support/run-typescript.mjs";

runTypeScript(new URL("./wrap-comments.ts", import.meta.url));
