import { databaseScenarios } from "../../scenarios/databases.ts";
import { inLab } from "../../support/paths.ts";

// On the lab's emulated CPU they take a quarter of an hour, most of it initdb's; owners.test.ts has what they
// need.
if (!inLab) databaseScenarios("krun");
