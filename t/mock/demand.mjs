// How a strict mock looks at a request: each demand that is not met throws a
// Refusal that names the place.
export class Refusal extends Error {
  constructor(message, status = 400, type = 'invalid_request_error') {
    super(message);
    Object.assign(this, { status, type });
  }
}

export function refuse(place, text) {
  throw new Refusal(`${place}: ${text}`);
}

export function demand(good, place, text) {
  if (!good) refuse(place, text);
}

export const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);
export const isCount = (v) => Number.isInteger(v) && v >= 0;

export function demandObject(v, place) {
  demand(isObject(v), place, 'Input should be a valid dictionary');
}

export function demandString(v, place) {
  demand(typeof v === 'string', place, 'Input should be a valid string');
}

export function demandArray(v, place) {
  demand(Array.isArray(v), place, 'Input should be a valid list');
}

export function demandOneOf(v, values, place) {
  const names = values.map((name) => `'${name}'`);
  demand(
    values.includes(v),
    place,
    `Input should be ${names.slice(0, -1).join(', ')}${names.length > 1 ? ' or ' : ''}${names.at(-1)}`,
  );
}

// The members an object may have; those with a "!" it must have.
export function demandMembers(object, names, place = '') {
  const at = (name) => (place ? `${place}.${name}` : name);
  for (const name of names) {
    if (name.endsWith('!')) demand(object[name.slice(0, -1)] !== undefined, at(name.slice(0, -1)), 'Field required');
  }
  for (const name of Object.keys(object)) {
    demand(names.includes(name) || names.includes(`${name}!`), at(name), 'Extra inputs are not permitted');
  }
}
