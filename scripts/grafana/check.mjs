// Holds dashboards against the types of @grafana/schema, made into a JSON schema in which nothing else is allowed.
// Usage: node check.mjs FOLDER-OF-DASHBOARDS, where the packages are installed.
import Ajv from "ajv";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createGenerator } from "ts-json-schema-generator";

const package_ = "node_modules/@grafana/schema";
const version = JSON.parse(readFileSync(join(package_, "package.json"))).version;

/** Where the package has its types of a dashboard or a kind of panel: that differs from version to version. */
function types(folder) {
  const found = readdirSync(package_, { recursive: true }).filter((name) =>
    name.includes(`/raw/${folder}/x/`) && name.endsWith(".gen.d.ts"));
  if (found.length === 0) throw new Error(`@grafana/schema ${version} has no types of ${folder}`);
  return `./${relative(".", join(package_, found[0])).replace(/\.d\.ts$/, "")}`;
}

const places = { dashboard: "dashboard" };
for (const kind of ["heatmap", "stat", "table", "timeseries"]) places[kind] = `composable/${kind}/panelcfg`;
let source = readFileSync(join(dirname(process.argv[1]), "schema.ts"), "utf8");
for (const [name, folder] of Object.entries(places)) source = source.replace(`@grafana/schema/raw-${name}`, types(folder));
writeFileSync("netrig.ts", source);

const generator = createGenerator({ path: "netrig.ts", type: "Netrig", additionalProperties: false, skipTypeCheck: true });
const ajv = new Ajv({ allErrors: true, strict: false, discriminator: false });
const validate = ajv.compile(generator.createSchema("Netrig"));

function errors(board) {
  return validate(board) ? [] : validate.errors.map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

let bad = 0;
const folder = process.argv[2];
for (const name of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const board = JSON.parse(readFileSync(join(folder, name)));
  const found = errors(board);
  bad += found.length;
  console.log(`${name}: ${found.length === 0 ? `as @grafana/schema ${version} has it, ${board.panels.length} panels` : found.join("\n  ")}`);
  // The check of the check: what is spoiled must be refused.
  const spoilt = [
    (b) => { b.panels[1].options.nonsense = 1; },
    (b) => { b.panels[1].gridPos.w = "wide"; },
    (b) => { b.templating.list[1].refresh = 9; },
    (b) => { b.panels[1].fieldConfig.defaults.thresholds.mode = "often"; },
  ];
  for (const spoil of spoilt) {
    const copy = structuredClone(board);
    spoil(copy);
    if (errors(copy).length === 0) {
      console.log(`${name}: the check is blind: it takes ${spoil}`);
      bad += 1;
    }
  }
}
process.exit(bad === 0 ? 0 : 1);
