// What each Claude model takes, by the first part that its name contains.
const levels = {
  all: ['low', 'medium', 'high', 'xhigh', 'max'],
  four: ['low', 'medium', 'high', 'max'],
  three: ['low', 'medium', 'high'],
};

// sampling: temperature, top_p, top_k as ever; both: temperature and top_p in
// one request; budget, adaptive, off, between: kinds of `thinking`; offUpToHigh:
// not off with more effort; forced: tool_choice any and tool; effort, format:
// output_config; system: that role inside messages; prefill: a last message of
// the assistant.
const newest = {
  max: 128000,
  sampling: false,
  both: false,
  budget: false,
  adaptive: true,
  off: true,
  between: false,
  forced: true,
  effort: levels.all,
  format: true,
  system: true,
  prefill: false,
};
const four = {
  ...newest,
  max: 64000,
  sampling: true,
  budget: true,
  adaptive: false,
  effort: [],
  system: false,
  prefill: true,
};
const three = { ...four, max: 8192, both: true, budget: false, off: false, format: false };

const models = [
  ['claude-sonnet-5-5', { ...newest, off: false, between: true, forced: false }],
  ['claude-opus-5-5', { ...newest, off: false, forced: false }],
  ['claude-haiku-5-5', { ...newest, offUpToHigh: true }],
  ['claude-opus-5', { ...newest, budget: true, offUpToHigh: true }],
  ['claude-fable-5-1', { ...newest, off: false, forced: false }],
  ['claude-fable-5', { ...newest, off: false }],
  ['claude-opus-4-8', { ...newest, budget: true }],
  ['claude-opus-4-7', { ...newest, budget: true, system: false }],
  ['claude-sonnet-5', { ...newest, budget: true }],
  ['claude-sonnet-4-6', { ...four, max: 128000, adaptive: true, effort: levels.four }],
  ['claude-opus-4-6', { ...four, max: 128000, adaptive: true, effort: levels.four, prefill: false }],
  ['claude-opus-4-5', { ...four, effort: levels.three }],
  ['claude-sonnet-4-5', four],
  ['claude-haiku-4-5', four],
  ['claude-opus-4-1', { ...four, max: 32000 }],
  ['claude-sonnet-4', { ...four, format: false }],
  ['claude-opus-4', { ...four, max: 32000, format: false }],
  ['claude-3-5', three],
  ['claude-3-haiku', { ...three, max: 4096 }],
];

// Undefined for a model that does not exist.
export function modelRules(name) {
  return models.find(([part]) => name.includes(part))?.[1];
}
