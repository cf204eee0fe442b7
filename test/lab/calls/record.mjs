// `npm run record-calls`: see main.ts.
import { runTypeScript } from "../../support/run-typescript.mjs";

runTypeScript(new URL("./main.ts", import.meta.url));
