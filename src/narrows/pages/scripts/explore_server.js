// The explore page of a server.

import { serverBackend } from "./backend_server.js";
import { startExplore } from "./explore.js";

startExplore(serverBackend);
