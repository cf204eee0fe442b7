import * as vscode from "vscode";

const scheme = "mocker-simulated";

/** What a simulated VM's row is known by to {@link SimulationBadge}. */
export function simulatedRow(vmId: string): vscode.Uri {
  return vscode.Uri.from({ scheme, path: `/${vmId}` });
}

/** A letter at the end of simulated VMs' rows: the editor cuts off a row's words, and never its badge. */
export class SimulationBadge implements vscode.FileDecorationProvider {
  provideFileDecoration(uri: vscode.Uri): vscode.FileDecoration | undefined {
    if (uri.scheme !== scheme) return undefined;
    const simulated = vscode.l10n.t("simulated");
    return new vscode.FileDecoration(simulated.slice(0, 1).toUpperCase(), simulated);
  }
}
