import { release } from "node:os";
import * as vscode from "vscode";
import { engineDoctor, engineInfo } from "../../engine/protocol/index.ts";
import type { Connection } from "./connection.ts";
import { asMockerError, describe } from "./errors.ts";

/**
 * What a report of a problem needs: versions, engine, preconditions. No names of VMs or images, no
 * environment.
 */
export async function diagnostics(connection: Connection, version: string): Promise<string> {
  const lines = [
    `Mocker ${version}`,
    `Editor: ${vscode.env.appName} ${vscode.version}, ${vscode.env.remoteName ?? "local"}, ${vscode.UIKind[vscode.env.uiKind]}`,
    `Node ${process.version}, ${process.platform}-${process.arch}, kernel ${release()}`,
    `Connection: ${connection.state.kind}`,
  ];
  try {
    const info = await connection.request0(engineInfo);
    lines.push(
      `Engine ${info.version}, protocol ${info.protocolVersion}, Node ${info.nodeVersion}, up ${info.uptimeSeconds} s, ${info.engineRssMiB} MiB`,
      `Runtime: ${info.runtime}${info.simulationReason ? ` (${info.simulationReason})` : ""}`,
      `libkrun: ${info.libkrunVersion ?? "none"}, guest kernel ${info.guestKernelVersion ?? "none"}`,
      `VMs: ${info.vms.running} of ${info.vms.total} running; images: ${info.images}`,
    );
    const { checks, summary } = await connection.request0(engineDoctor);
    for (const check of checks) lines.push(`Doctor: ${check.name}: ${check.status}: ${check.detail}`);
    lines.push(`Doctor: ${summary}`);
  } catch (error) {
    lines.push(`Engine: ${describe(asMockerError(error))}`);
  }
  return `${lines.join("\n")}\n`;
}
