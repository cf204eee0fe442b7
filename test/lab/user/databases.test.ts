import { databaseScenarios } from "../../scenarios/databases.ts";

databaseScenarios("krun");
