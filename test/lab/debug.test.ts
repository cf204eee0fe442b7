import { debugScenarios } from "../scenarios/debugging/debugging.ts";

debugScenarios("krun");
