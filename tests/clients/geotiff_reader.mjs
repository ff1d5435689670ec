// What geotiff.js sees of COGs: the question and the answer are JSON on standard input and output.
// Question: [[path, [[x, y], …]], …], coordinates of the raster's own CRS; the module's address is the argument.
import { readFileSync } from 'node:fs';

const { fromFile } = await import(process.argv[2]);

async function seen(path, places) {
  const file = await fromFile(path);
  const levels = [], masks = [];
  for (let number = 0; number < (await file.getImageCount()); number++) {
    const image = await file.getImage(number);
    const kind = image.fileDirectory.getValue('NewSubfileType') ?? 0;
    (kind & 4 ? masks : levels).push(image);
  }
  const [west, south, east, north] = levels[0].getBoundingBox();
  const pixel = async (image, [x, y]) => {
    const column = Math.floor(((x - west) / (east - west)) * image.getWidth());
    const row = Math.floor(((north - y) / (north - south)) * image.getHeight());
    const bands = await image.readRasters({ window: [column, row, column + 1, row + 1] });
    return Array.from(bands, (band) => (Number.isNaN(band[0]) ? null : band[0]));
  };
  const read = async (images) => Promise.all(places.map((place) => Promise.all(images.map((image) => pixel(image, place)))));
  const keys = levels[0].getGeoKeys();
  return {
    code: keys.ProjectedCSTypeGeoKey ?? keys.GeographicTypeGeoKey,
    nodata: levels[0].getGDALNoData(),
    type: ['', 'uint', 'int', 'float'][levels[0].getSampleFormat()] + levels[0].getBitsPerSample(),
    names: await Promise.all([...Array(levels[0].getSamplesPerPixel()).keys()].map(async (band) => (await levels[0].getGDALMetadata(band))?.DESCRIPTION ?? '')),
    levels: await read(levels),
    masks: await read(masks),
  };
}

const answers = [];
for (const [path, places] of JSON.parse(readFileSync(0, 'utf8'))) answers.push(await seen(path, places));
process.stdout.write(JSON.stringify(answers));
