import { refusedFlag, stringFlag } from "../../flags.ts";

export const checkpointDirFlag = refusedFlag(
  stringFlag(undefined, "Use a custom checkpoint storage directory"),
  "checkpoints are beside the files of their VM, with which they can share blocks",
  "Leave it out.",
);
