// The page of `narrows compare`: starts each of its views.

import { startGallery } from "./gallery.js";
import { startJpeg } from "./jpeg.js";
import { startMaps } from "./latent.js";
import { pageData } from "./page_data.js";
import { startDownloads } from "./tables.js";

const data = pageData();
startDownloads();
if (data.gallery) startGallery(data.gallery);
if (data.jpeg) startJpeg(data.jpeg);
startMaps(data.latent, data.thumbnails);
