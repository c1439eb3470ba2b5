// OpenAI's own schema of its API, where it stands beside the checkout.
import fs from 'node:fs';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const file = path.resolve(import.meta.dirname, '../../../shared/wire/openai-schema.json');

// Why the schema cannot be used; to be given as the reason of a skipped test.
export const missing = fs.existsSync(file) ? false : 'no ../shared/wire/openai-schema.json beside the checkout';

// OpenAPI's `nullable` says that null is good whatever stands beside it, which
// JSON Schema says with anyOf. `discriminator` only helps to find a branch.
function toJsonSchema(node) {
  if (Array.isArray(node)) return node.map(toJsonSchema);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, discriminator, ...rest } = node;
  const out = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, toJsonSchema(value)]));
  return nullable === true ? { anyOf: [out, { type: 'null' }] } : out;
}

let ajv;

function load() {
  ajv = new Ajv2020({ strict: false, allErrors: true, logger: false });
  addFormats.default(ajv);
  ajv.addFormat('unixtime', { type: 'number', validate: (n) => Number.isInteger(n) && n > 0 });
  ajv.addSchema({ $id: 'openai:', ...toJsonSchema(JSON.parse(fs.readFileSync(file, 'utf8'))) });
}

const compiled = new Map();

// A function of a value that returns the errors it finds, [] when there are
// none or when there is no schema.
export function validator(name) {
  if (missing) return () => [];
  if (!compiled.has(name)) {
    if (!ajv) load();
    compiled.set(name, ajv.compile({ $ref: `openai:#/components/schemas/${name}` }));
  }
  const validate = compiled.get(name);
  return (value) => (validate(value) ? [] : validate.errors);
}
