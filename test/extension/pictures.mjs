// node test/extension/pictures.mjs [SCENE…]: see pictures.ts.
import { runTypeScript } from "../support/run-typescript.mjs";

runTypeScript(new URL("./pictures.ts", import.meta.url));
