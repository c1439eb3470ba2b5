// The Anthropic mock is strict: parameters and tools that break a rule of the
// Messages format are refused, naming the place, and those that keep it are not.
import test from 'node:test';
import { redact, signThinking } from '../mock/anthropic.mjs';
import { ask, assistant, call, holdTo, mark, result, say, text, thinking, thought, tool, user } from './lib/anthropic.mjs';

const format = (schema) => ({ output_config: { format: { type: 'json_schema', schema } } });
const closed = (properties, more) => ({ type: 'object', properties, additionalProperties: false, ...more });
const adaptive = { model: 'claude-opus-4-6', thinking: { type: 'adaptive' } };
const longMark = { cache_control: { type: 'ephemeral', ttl: '1h' } };

const groups = {
  parameters: [
    ['a plain request', {}, undefined],
    ['an unknown member', { n: 1 }, /^n: Extra inputs are not permitted/],
    ['no model', { model: undefined }, /^model: Field required/],
    ['no max_tokens', { max_tokens: undefined }, /^max_tokens: Field required/],
    ['no messages', { messages: undefined }, /^messages: Field required/],
    ['max_tokens 0', { max_tokens: 0 }, /^max_tokens: .*greater than or equal to 1/],
    ['max_tokens beyond the model', { max_tokens: 64001 }, /^max_tokens: 64001 > 64000/],
    ['max_tokens as a text', { max_tokens: '1' }, /^max_tokens: .*integer/],
    ['a blank stop sequence', { stop_sequences: ['x', ' \n'] }, /^stop_sequences: .*non-whitespace/],
    ['stop sequences', { stop_sequences: ['x'] }, undefined],
    ['stop as a text', { stop_sequences: 'x' }, /^stop_sequences: .*list/],
    ['stream as a text', { stream: 'yes' }, /^stream:/],
    ['service tiers of others', { service_tier: 'flex' }, /^service_tier: Input should be 'auto' or 'standard_only'/],
    ['metadata of others', { metadata: { name: 'x' } }, /^metadata\.name: Extra/],
    ['a user id that is a number', { metadata: { user_id: 1 } }, /^metadata\.user_id: .*string/],
    ['a user id', { metadata: { user_id: 'x' } }, undefined],
  ],

  tools: [
    ['a tool', { tools: [tool()] }, undefined],
    [
      'a tool without a schema',
      { tools: [tool({ input_schema: undefined })] },
      /^tools\.0\.custom\.input_schema: Field required/,
    ],
    ['a schema without a type', { tools: [tool({ input_schema: {} })] }, /input_schema\.type: Field required/],
    [
      'a schema of no object',
      { tools: [tool({ input_schema: { type: 'string' } })] },
      /input_schema\.type: Input should be 'object'/,
    ],
    [
      'a choice of schemas',
      { tools: [tool({ input_schema: { type: 'object', anyOf: [] } })] },
      /does not support oneOf, allOf, or anyOf/,
    ],
    ['a broken schema', { tools: [tool({ input_schema: { type: 'object', required: 'x' } })] }, /JSON schema is invalid/],
    ['tools that are one', { tools: tool() }, /^tools: .*list/],
    ['a description that is a list', { tools: [tool({ description: ['x'] })] }, /description: .*string/],
    ['a schema as a text', { tools: [tool({ input_schema: '{}' })] }, /input_schema: .*dictionary/],
    ['a strict tool', { tools: [tool({ strict: true, input_schema: closed({}) })] }, undefined],
    [
      'a strict tool of an old model',
      { model: 'claude-sonnet-4-0', tools: [tool({ strict: true, input_schema: closed({}) })] },
      /strict: is not supported/,
    ],
    ['a tool of another format', { tools: [{ type: 'function', function: { name: 'f' } }] }, /^tools\.0\.type:/],
    ['a bad tool name', { tools: [tool({ name: 'a b' })] }, /^tools\.0\.custom\.name: String should match/],
    ['two tools of one name', { tools: [tool(), tool()] }, /Tool names must be unique/],
    ['a choice without tools', { tool_choice: { type: 'auto' } }, /may only be specified while providing tools/],
    ['a choice of another format', { tools: [tool()], tool_choice: 'auto' }, /^tool_choice: .*dictionary/],
    ['a choice of an unknown tool', { tools: [tool()], tool_choice: { type: 'tool', name: 'g' } }, /Tool 'g' not found/],
    ['a choice of an unknown kind', { tools: [tool()], tool_choice: { type: 'required' } }, /^tool_choice\.type:/],
    [
      'a choice of any with a name',
      { tools: [tool()], tool_choice: { type: 'any', name: 'f' } },
      /^tool_choice\.any\.name: Extra/,
    ],
    ['one call at most', { tools: [tool()], tool_choice: { type: 'any', disable_parallel_tool_use: true } }, undefined],
    [
      'one call at most of none',
      { tools: [tool()], tool_choice: { type: 'none', disable_parallel_tool_use: true } },
      /^tool_choice\.none\.disable_parallel_tool_use: Extra/,
    ],
    [
      'a forced call where there is none',
      { model: 'claude-opus-5-5', tools: [tool()], tool_choice: { type: 'any' } },
      /^tool_choice: forcing/,
    ],
    [
      'a forced call with thinking',
      { ...thinking, tools: [tool()], tool_choice: { type: 'any' } },
      /Thinking may not be enabled when tool_choice forces/,
    ],
  ],

  thinking: [
    ['thinking', thinking, undefined],
    ['thinking of an unknown kind', { thinking: { type: 'deep' } }, /^thinking\.type:/],
    ['thinking with an effort', { thinking: { ...thinking.thinking, effort: 'low' } }, /^thinking\.enabled\.effort: Extra/],
    ['thinking without a budget', { thinking: { type: 'enabled' } }, /budget_tokens: Field required/],
    ['thinking displayed somehow', { thinking: { ...thinking.thinking, display: 'loud' } }, /display: Input should be/],
    ['a small budget', { thinking: { type: 'enabled', budget_tokens: 1023 } }, /budget_tokens: .*1024/],
    [
      'a budget of all',
      { max_tokens: 2048, thinking: { type: 'enabled', budget_tokens: 2048 } },
      /must be greater than `thinking\.budget_tokens`/,
    ],
    ['a budget where there is none', { ...thinking, model: 'claude-sonnet-5-5' }, /^thinking\.type: enabled is not supported/],
    ['adaptive thinking', adaptive, undefined],
    ['adaptive thinking where there is none', { thinking: { type: 'adaptive' } }, /^thinking\.type: adaptive is not supported/],
    [
      'no thinking where there must be',
      { model: 'claude-opus-5-5', thinking: { type: 'disabled' } },
      /^thinking\.type: disabled/,
    ],
    [
      'no thinking with much effort',
      { model: 'claude-opus-5', thinking: { type: 'disabled' }, output_config: { effort: 'max' } },
      /not supported with effort 'max'/,
    ],
    ['thinking and temperature', { ...thinking, temperature: 0.5 }, /^temperature: may only be set to 1/],
    ['thinking and top_p', { ...thinking, top_p: 0.9 }, /^top_p: must be greater/],
    ['thinking and top_k', { ...thinking, top_k: 5 }, /^top_k: must be unset/],
    ['thinking and a prefill', { ...thinking, ...say(user('a'), assistant('b')) }, /must not be the assistant/],
    [
      'thinking given back',
      { ...thinking, ...say(user('a'), assistant([thought('hm'), call('t1')]), user([result('t1')])) },
      undefined,
    ],
    [
      'redacted thinking given back',
      {
        ...thinking,
        ...say(user('a'), assistant([{ type: 'redacted_thinking', data: redact('x') }, call('t1')]), user([result('t1')])),
      },
      undefined,
    ],
    [
      'thinking that is lost',
      { ...thinking, ...say(user('a'), assistant([call('t1')]), user([result('t1')])) },
      /Expected `thinking` or `redacted_thinking`, but found `tool_use`/,
    ],
    [
      'thinking that was lost before',
      { ...thinking, ...say(user('a'), assistant([call('t1')]), user([result('t1')]), assistant('b'), user('c')) },
      undefined,
    ],
    [
      'thinking that was changed',
      say(user('a'), assistant([thought('hm', signThinking('ho')), text('b')]), user('c')),
      /Invalid `signature`/,
    ],
    [
      'thinking without a signature',
      say(user('a'), assistant([{ type: 'thinking', thinking: 'hm' }]), user('c')),
      /signature: Field required/,
    ],
    [
      'a mark on thinking',
      say(user('a'), assistant([{ ...thought('hm'), ...mark }]), user('c')),
      /thinking\.cache_control: Extra/,
    ],
  ],

  sampling: [
    ['temperature beyond 1', { temperature: 1.5 }, /^temperature: range/],
    ['temperature and top_p', { temperature: 0.5, top_p: 0.5 }, /cannot both be specified/],
    ['temperature and top_p of an old model', { model: 'claude-3-haiku-20240307', temperature: 0.5, top_p: 0.5 }, undefined],
    ['temperature of a new model', { model: 'claude-opus-4-8', temperature: 0.5 }, /^temperature: is deprecated/],
    ['top_p of a new model', { model: 'claude-opus-4-8', top_p: 0.5 }, /^top_p: is deprecated/],
    ['top_k of a new model', { model: 'claude-opus-4-8', top_k: 5 }, /^top_k: is deprecated/],
  ],

  output: [
    ['an effort', { model: 'claude-opus-4-6', output_config: { effort: 'max' } }, undefined],
    [
      'an effort that the model lacks',
      { model: 'claude-opus-4-6', output_config: { effort: 'xhigh' } },
      /^This model does not support effort level 'xhigh'\. Supported levels: high, low, max, medium\.$/,
    ],
    ['an effort where there is none', { output_config: { effort: 'low' } }, /^This model does not support the effort parameter/],
    [
      'an unknown effort',
      { model: 'claude-opus-4-6', output_config: { effort: 'minimal' } },
      /^output_config\.effort: Input should be/,
    ],
    ['an unknown member of output_config', { output_config: { verbosity: 'low' } }, /^output_config\.verbosity: Extra/],
    ['a format of an unknown kind', { output_config: { format: { type: 'json_object' } } }, /^output_config\.format\.type:/],
    [
      'a format with a name',
      { output_config: { format: { type: 'json_schema', name: 'x', schema: closed({}) } } },
      /^output_config\.format\.name: Extra/,
    ],
    ['a format of no object', { output_config: { format: 'json_schema' } }, /^output_config\.format: .*dictionary/],
    ['a format', format(closed({ a: { type: 'string', format: 'date' } })), undefined],
    ['a format of an old model', { model: 'claude-sonnet-4-0', ...format(closed({})) }, /does not support output format/],
    [
      'a format of an open object',
      format({ type: 'object', properties: {} }),
      /'additionalProperties' must be explicitly set to false/,
    ],
    [
      'a format of an open object inside',
      format(closed({ a: { type: 'array', items: { type: 'object' } } })),
      /'additionalProperties' must be/,
    ],
    ['a format with a limit', format(closed({ a: { type: 'integer', minimum: 1 } })), /property 'minimum' is not supported/],
    ['a format with oneOf', format(closed({ a: { oneOf: [] } })), /property 'oneOf' is not supported/],
    [
      'a format with an unknown format',
      format(closed({ a: { type: 'string', format: 'phone' } })),
      /'format: phone' is not supported/,
    ],
    [
      'a recursive format',
      format(closed({ a: { $ref: '#/$defs/a' } }, { $defs: { a: closed({ a: { $ref: '#/$defs/a' } }) } })),
      /Circular/,
    ],
    [
      'a format with many optional members',
      format(closed(Object.fromEntries([...Array(25).keys()].map((i) => [`p${i}`, { type: 'string' }])))),
      /too many optional/,
    ],
  ],

  caching: [
    ['four marks', { tools: [tool(mark)], system: [text('a', mark)], ...ask(text('b', mark), text('c', mark)) }, undefined],
    [
      'five marks',
      { tools: [tool(mark)], system: [text('a', mark)], ...ask(text('b', mark), text('c', mark), text('d', mark)) },
      /A maximum of 4 blocks with cache_control may be provided\. Found 5\./,
    ],
    [
      'a long mark after a short one',
      { system: [text('a', mark)], ...ask(text('b', longMark)) },
      /ttl='1h' cache_control block must not come after/,
    ],
    [
      'a mark for a day',
      ask(text('a', { cache_control: { type: 'ephemeral', ttl: '1d' } })),
      /cache_control\.ttl: Input should be '5m' or '1h'/,
    ],
    ['a mark with a name', ask(text('a', { cache_control: { type: 'ephemeral', name: 'x' } })), /cache_control\.name: Extra/],
    [
      'a mark of another kind',
      ask(text('a', { cache_control: { type: 'forever' } })),
      /cache_control\.type: Input should be 'ephemeral'/,
    ],
  ],
};

for (const [name, rows] of Object.entries(groups)) holdTo(test, name, rows);
