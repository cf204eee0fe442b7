import { cgroupTests } from "../cgroups.ts";

cgroupTests();
