// Runs where the VMs are to be, as main.ts does.

import { adapterScenarios } from "../../scenarios/debugging/debug-adapters.ts";
import { inLab } from "../../support/paths.ts";

adapterScenarios(inLab ? "krun" : "simulation");
