import type * as vscode from "vscode";
import type { Pulls } from "../commands/pulls.ts";
import type { Connection } from "../engine/connection.ts";
import type { Model } from "../engine/model.ts";
import type { RunConfigurations } from "../run-configurations/run-configurations.ts";
import type { Runner } from "../run-configurations/runner.ts";
import type { Secrets } from "../run-configurations/secrets.ts";

/** What the wizard's steps stand on. */
export interface WizardServices {
  connection: Connection;
  model: Model;
  pulls: Pulls;
  runner: Runner;
  configurations: RunConfigurations;
  secrets: Secrets;
  log: vscode.LogOutputChannel;
}
