import { allScenarios } from "../scenarios/all.ts";

allScenarios("krun");
