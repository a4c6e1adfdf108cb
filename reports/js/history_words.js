// Values, changes and nights in words: what a pointer, a screen reader and the tables are told.

const inUnit = (one, value) => (one.unit === 'mb' ? value.toFixed(1) : ms(value));
const unitOf = (one) => (one.unit === 'mb' ? 'MB' : 'ms');
const withUnit = (one, value) => `${inUnit(one, value)}\u00a0${unitOf(one)}`;
const isNumber = (value) => known(value) && Number.isFinite(value);

/** `+3.1 %`; from a factor of two on `2.4×`: as harness/report/history_sentences.py writes it. */
function signedPercent(ratio) {
  if (!isNumber(ratio)) return 'unknown';
  if (ratio >= 2 || ratio <= 0.5) return ratio < 10 ? `${ratio.toPrecision(2)}\u00d7` : `${ratio.toFixed(0)}\u00d7`;
  const text = (100 * (ratio - 1)).toFixed(1);
  return `${Number(text) === 0 ? '0.0' : Number(text) > 0 ? `+${text}` : text.replace('-', '\u2212')}\u00a0%`;
}
const intervalOf = ([, low, high]) => (known(low) && known(high) ? `${signedPercent(low)} to ${signedPercent(high)}` : '');

const STATE_TITLES = {
  confirmed: 'An experiment that ran both sides in turn confirmed it',
  suspected: 'The nights show it; no experiment has confirmed or refuted it',
  refuted: 'An experiment that ran both sides in turn found no such change',
  explained: 'The ground changed on the same night: it is not called a regression of the code',
  improved: 'Less than before',
  accepted: 'Somebody accepted the new level',
  muted: 'Somebody muted it',
  'no longer seen': 'Later nights do not bear it out',
  over: 'The series is back at the level before it',
};
/** The tags of a change: its verdict, then what silences it. */
const stateTags = (change) => change.states.flatMap((state, index) => [index ? ' ' : '', el('span', { class: `tag state ${state}${change.rank === 5 && index === 0 ? ' quiet' : ''}`, title: STATE_TITLES[state] }, state)]);

/** Red for a regression that counts, green for a gain; what is explained, refuted or silenced has no colour. */
const amountClass = (change) => ({ confirmed: 'up', suspected: 'up', improved: 'down' }[RANKS[change.rank]] ?? 'quiet');

const KIND_WORDS = {
  hint: 'found by change points, as a hint (low penalty)',
  alert: 'found by change points (high penalty)',
  tonight: 'found by the latest nights against the level before them',
};

/** One night in a sentence: what the slider says, and the line above the chart. */
function nightWords(one, night) {
  const parts = [`${day(night.at)}: ${isNumber(night.value) ? withUnit(one, night.value) : 'no usable value'}`];
  parts.push(isNumber(night.low) && isNumber(night.high) ? `${inUnit(one, night.low)} to ${inUnit(one, night.high)}` : 'too few processes for an interval');
  parts.push(plural(night.processes, 'process', 'processes'));
  if (night.synthetic) parts.push('synthetic');
  if (night.differs) parts.push('output differs');
  if (night.gap) parts.push(`after ${gapWords(night.gap)}`);
  for (const event of night.events) parts.push(`${event.word} changed`);
  for (const change of one.changes) if (change.bad[0] === night.run.id) parts.push(`first night of a change of ${signedPercent(change.ratio[0])}, ${change.states.join(', ')}`);
  return parts.join('; ');
}

/** A run by its id: a link to its report where that existed when the page was made, with the path as a title. */
const runLink = (run) => (run.href ? el('a', { href: run.href, title: run.path }, el('bdi', {}, run.id)) : el('span', { title: run.path || null }, stranger(run.id)));
const labelWords = (labels) => labels.map(([key, value]) => `${key} ${value}`).join(', ');
/** The beginning of a hash; what is short stays whole. */
const shortHash = (text) => (/^[0-9a-f]{20,}$/.test(text ?? '') ? text.slice(0, 12) : text);
const valueNode = (text) => (known(text) && text !== '' ? stranger(shortHash(text)) : none('not known'));
