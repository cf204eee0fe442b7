import { debugScenarios } from "../scenarios/debugging.ts";

debugScenarios("krun");
