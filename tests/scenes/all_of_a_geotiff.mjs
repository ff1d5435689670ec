// All pixels and masks of all levels of GeoTIFFs, by geotiff.js: each line of standard input is a path in JSON, each
// line of standard output its answer; the module's address is the argument.
import { createInterface } from 'node:readline';

const { fromFile } = await import(process.argv[2]);
const TYPES = { Uint8Array: 'u1', Int8Array: 'i1', Uint16Array: '<u2', Int16Array: '<i2', Uint32Array: '<u4', Int32Array: '<i4',
  Float32Array: '<f4', Float64Array: '<f8', BigUint64Array: '<u8', BigInt64Array: '<i8' };

async function all(image) {
  const isYCbCr = image.fileDirectory.getValue('PhotometricInterpretation') === 6;
  const bands = isYCbCr ? await image.readRGB({ interleave: false }) : await image.readRasters();
  return {
    type: TYPES[bands[0].constructor.name],
    shape: [image.getHeight(), image.getWidth()],
    bands: Array.from(bands, (band) => Buffer.from(band.buffer, band.byteOffset, band.byteLength).toString('base64')),
  };
}

async function seen(path) {
  const file = await fromFile(path);
  const levels = [], masks = [];
  for (let number = 0; number < (await file.getImageCount()); number++) {
    const image = await file.getImage(number);
    const kind = image.fileDirectory.getValue('NewSubfileType') ?? 0;
    (kind & 4 ? masks : levels).push(await all(image));
  }
  return { levels, masks };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await seen(JSON.parse(line));
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
