// Runs where the VMs are to be: on this machine, or in the lab.

import { adapterScenarios } from "../../scenarios/debugging/debug-adapters.ts";
import { inLab } from "../../support/paths.ts";

adapterScenarios(inLab ? "krun" : "simulation");
