import type { RuntimeName } from "../../engine/protocol/engine.ts";
import type { Mocker } from "../support/mocker.ts";

/** What a scenario runs on: the same list is run on every runtime. */
export interface Suite {
  runtime: RuntimeName;
  mocker: Mocker;
  /** References in the fixture registry. */
  images: { busybox: string; debian: string };
}
