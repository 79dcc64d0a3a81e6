// The page of `narrows compare`: starts each of its views.

import { startCopying } from "./copying.js";
import { startGallery } from "./gallery.js";
import { startJpeg } from "./jpeg.js";
import { startMaps } from "./latent.js";
import { pageData } from "./page_data.js";
import { startDownloads, watchTables } from "./tables.js";

const data = pageData();
startDownloads();
startCopying();
watchTables();
if (data.gallery) startGallery(data.gallery);
if (data.jpeg) startJpeg(data.jpeg);
startMaps(data.latent, data.thumbnails);
