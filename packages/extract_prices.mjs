// Writes what Weir reads of genai-prices as JSON: node extract_prices.mjs <package folder> <output>.
// Names, descriptions, links and extractors are left out; numbers are printed as JavaScript prints
// them, which gives back the shortest decimal that was read.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, output] = process.argv.slice(2);
const { waitForUpdate } = await import(
  pathToFileURL(join(folder, "node_modules/@pydantic/genai-prices/dist/index.js")).href
);
const providers = await waitForUpdate();
if (!Array.isArray(providers) || providers.length < 10) {
  throw new Error("genai-prices did not hand out its catalogue");
}
const model = ({ id, match, context_window, prices }) => ({ id, match, context_window, prices });
const catalogue = providers.map(({ id, fallback_model_providers, models }) => ({
  id,
  fallback_model_providers,
  models: models.map(model),
}));
writeFileSync(output, JSON.stringify(catalogue));
