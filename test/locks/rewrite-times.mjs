/** Hooks of Node's loader: the store's built code, with other numbers for these constants. */
const STORE = new URL('../../packages/store/dist/index.js', import.meta.url).href;

let times = {};

export function initialize(data) {
  times = data;
}

export async function load(url, context, nextLoad) {
  const loaded = await nextLoad(url, context);
  if (url !== STORE) return loaded;
  let source = String(loaded.source);
  for (const [name, ms] of Object.entries(times)) {
    const constant = new RegExp(`\\b${name} = [\\d_e]+;`);
    if (!constant.test(source)) throw new Error(`${url} has no constant ${name}`);
    source = source.replace(constant, `${name} = ${ms};`);
  }
  return { ...loaded, source };
}
