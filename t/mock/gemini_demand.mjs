// How the strict mock of Gemini looks at a request: each demand that is not met
// throws a Refusal in Google's words.
import { isObject, Refusal } from './demand.mjs';

export function bad(place, text) {
  const message = place ? `Invalid value at '${place}': ${text}` : text;
  throw new Refusal(message, 400, 'INVALID_ARGUMENT');
}

export function demand(good, place, text) {
  if (!good) bad(place, text);
}

// The members an object may have.
export function members(object, names, place) {
  demand(isObject(object), place, 'Proto field is not an object');
  for (const name of Object.keys(object)) {
    if (names.includes(name)) continue;
    throw new Refusal(
      `Invalid JSON payload received. Unknown name "${name}"${place ? ` at '${place}'` : ''}: Cannot find field.`,
      400,
      'INVALID_ARGUMENT',
    );
  }
}

export function oneOf(v, values, place) {
  demand(values.includes(v), place, `${JSON.stringify(v)}`);
}
