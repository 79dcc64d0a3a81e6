// The explore page as one file, which computes by itself.

import { exportBackend } from "./backend_export.js";
import { startExplore } from "./explore.js";

startExplore(exportBackend);
