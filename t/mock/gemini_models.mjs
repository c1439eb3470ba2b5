// What each Gemini model takes, by the first part that its name contains.
const levels = { all: ['MINIMAL', 'LOW', 'MEDIUM', 'HIGH'], three: ['LOW', 'MEDIUM', 'HIGH'], pro: ['LOW', 'HIGH'] };

// budget: [least, most, whether 0 switches it off]; levels: of thinkingLevel;
// jsonSchema: responseJsonSchema and parametersJsonSchema; mixed: an output format
// beside functions; system: systemInstruction; signed: calls must bring their
// thoughtSignature back; resultParts: functionResponse.parts.
const third = {
  levels: levels.three,
  jsonSchema: true,
  mixed: true,
  penalties: false,
  system: true,
  signed: true,
  resultParts: true,
};
const second = { ...third, levels: undefined, mixed: false, signed: false, resultParts: false };
const first = { ...second, jsonSchema: false, penalties: true };

const models = [
  ['gemini-3-pro', { ...third, levels: levels.pro }],
  ['gemini-3-flash', { ...third, levels: levels.all }],
  ['gemini-3', third],
  ['gemini-2.5-pro', { ...second, budget: [128, 32768, false] }],
  ['gemini-2.5-flash-lite', { ...second, budget: [512, 24576, true] }],
  ['gemini-2.5-flash', { ...second, budget: [1, 24576, true] }],
  ['gemini-2.0-flash', first],
  ['gemma-3', { ...first, system: false, penalties: false }],
];

// Undefined for a model that does not exist.
export function modelRules(name) {
  return models.find(([part]) => name.includes(part))?.[1];
}
