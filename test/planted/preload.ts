// Loaded before all else (--import) by a process, its threads and its children, which are to have a
// planted bug: the environment says which.
import { plantedVariable } from "../../src/node/testing/program-environment.ts";
import { plant, type PlantedModule } from "./plant.ts";

const text = process.env[plantedVariable];
// Written by find-by-test.ts.
if (text !== undefined) plant(JSON.parse(text) as PlantedModule);
