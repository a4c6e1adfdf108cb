// The series of a history, and their nights. Shapes: harness/report/history_data.py and harness/report/history_nights.py.

const data = await read('data');
/** Of one side: nothing on this page is compared in pairs. */
const sided = false;
const DAY = 86400;
const RANKS = ['confirmed', 'suspected', 'explained', 'improved', 'rest', 'silenced'];
const KEY_ORDER = ['device', 'model', 'variant', 'delegate', 'cpus', 'start', 'binary', 'metric'];
const threadWords = (threads) => (threads > 0 ? plural(threads, 'thread') : 'default threads');

const allSeries = data.series.map((raw, place) => {
  const one = { ...raw, place };
  KEY_ORDER.forEach((name, index) => { one[name] = data.texts[name][raw.key[index]]; });
  one.title = one.variant ? `${one.model}, ${one.variant}` : one.model;
  one.metricWords = data.metrics[one.metric] ?? one.metric;
  one.ofLatency = one.metric === 'inference_avg';
  one.parts = [one.device, one.delegate, ...(one.start === 'warm' ? [] : [`${one.start} start`]), threadWords(one.threads), one.cpus, ...(one.binary ? [one.binary] : []), ...(one.ofLatency ? [] : [one.metricWords])];
  one.chief = known(raw.chief) ? raw.changes[raw.chief] : null;
  one.verdicts = new Set(raw.changes.length ? raw.changes.flatMap((change) => (change.rank === 5 ? change.states.slice(1) : change.states)) : ['no change']);
  one.text = [one.title, ...one.parts, one.metric, ...one.verdicts, one.synthetic ? 'synthetic' : '', one.differs ? 'output differs' : '', ...raw.changes.map((change) => change.id)].join('\n').toLowerCase();
  return one;
});
const seriesById = new Map(allSeries.map((one) => [one.id, one]));
const seriesOfChange = new Map(allSeries.flatMap((one) => one.changes.map((change) => [change.id, one])));

/** Undoes harness.report.history_nights.differences. */
function sums(column) {
  let last = 0;
  return column.map((step) => { if (!known(step)) return null; last += step; return last; });
}

/** Undoes harness.report.history_nights.stretches. */
function spreadOut(column) {
  const found = [];
  for (let index = 0; index < column.length; index += 2) for (let count = 0; count < column[index + 1]; count += 1) found.push(column[index]);
  return found;
}

/** What the nights share, unpacked once: runs, and the tables of texts. */
const loadNights = once(async () => {
  const raw = await read('nights-data');
  const texts = raw.texts;
  const at = sums(raw.runs.at);
  const runs = raw.runs.id.map((id, index) => ({ id, at: at[index], path: raw.runs.path[index], href: raw.runs.href[index], labels: raw.labels[raw.runs.labels[index]] }));
  const grounds = raw.grounds.map((parts) => Object.fromEntries(GROUND.map(([name], index) => [name, known(parts[index]) ? texts[parts[index]] : null])));
  return { raw: raw.series, texts, runs, grounds, first: at[0], last: at[at.length - 1] };
});

/** Parts of the ground, with the words of their marks. */
const GROUND = [['fingerprint', 'system build'], ['governor', 'governor'], ['config', 'device config'], ['harness', 'harness version'], ['asked', 'what was asked']];
/** What is tested, likewise: it never explains a change. */
const TESTED = [['model', 'model file'], ['binary', 'binary']];

const valuesOf = (raw) => {
  const factor = 10 ** Math.abs(raw.decimals);
  // A division by a power of ten gives the decimal number that was written; a multiplication by 0.01 would not.
  return (whole) => (known(whole) ? (raw.decimals < 0 ? whole * factor : whole / factor) : null);
};

/** The times and values of a series alone, for its sparkline: [[second, value]...]. Needs `loadNights`. */
function pointsOf(one, shared) {
  const raw = shared.raw[one.place];
  const real = valuesOf(raw);
  const values = sums(raw.value);
  return sums(raw.run).map((run, index) => [shared.runs[run].at, real(values[index])]);
}

/** Every night of a series in full. */
function nightsOf(one, shared) {
  if (one.full) return one.full;
  const raw = shared.raw[one.place];
  const real = valuesOf(raw);
  const [runs, values] = [sums(raw.run), sums(raw.value)];
  const columns = Object.fromEntries(['processes', 'model', 'binary', 'ground', 'synthetic', 'differs'].map((name) => [name, spreadOut(raw[name])]));
  one.full = runs.map((run, index) => ({
    index, run: shared.runs[run], at: shared.runs[run].at,
    value: real(values[index]),
    low: real(known(raw.below[index]) ? values[index] - raw.below[index] : null),
    high: real(known(raw.above[index]) ? values[index] + raw.above[index] : null),
    spread: known(raw.spread[index]) ? raw.spread[index] / 1e5 : null,
    processes: columns.processes[index],
    model: shared.texts[columns.model[index]], binary: shared.texts[columns.binary[index]],
    ground: shared.grounds[columns.ground[index]],
    synthetic: columns.synthetic[index] === 1, differs: columns.differs[index] === 1,
  }));
  const step = usualStep(one.full.map((night) => night.at));
  one.full.forEach((night, index) => {
    const before = one.full[index - 1];
    night.gap = before ? gapBetween(before.at, night.at, step) : null;
    night.events = before ? eventsBetween(before, night) : [];
  });
  return one.full;
}

/** The usual time between two nights of a series, never less than a day: several runs on one day leave no gaps. */
function usualStep(times) {
  const steps = times.slice(1).map((at, index) => at - times[index]).sort((a, b) => a - b);
  return steps.length < 3 ? DAY : Math.max(DAY, steps[Math.floor(steps.length / 2)]);
}

/** {nights, days} that are missing between two times, or null. */
function gapBetween(before, after, step) {
  if (after - before <= 1.6 * step) return null;
  return { from: before, to: after, missed: Math.round((after - before) / step) - 1, nightly: step < 1.3 * DAY, days: Math.round((after - before) / DAY) };
}
const gapWords = (gap) => (gap.nightly ? `${plural(gap.missed, 'night')} without an estimate` : `${plural(gap.days, 'day')} without an estimate`);

/** What changed from one night to the next: [{kind: 'ground' | 'tested', name, word, from, to}...]. */
function eventsBetween(before, after) {
  const found = [];
  for (const [name, word] of TESTED) if (before[name] !== after[name]) found.push({ kind: 'tested', name, word, from: before[name], to: after[name] });
  for (const [name, word] of GROUND) if (before.ground[name] !== after.ground[name]) found.push({ kind: 'ground', name, word, from: before.ground[name], to: after.ground[name] });
  return found;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const thisYear = new Date(data.now * 1000).getUTCFullYear();
/** `12 Nov`, in another year than the report's `12 Nov 2025`: as harness/report/history_sentences.py has it, in UTC. */
function day(second) {
  const date = new Date(second * 1000);
  return `${date.getUTCDate()}\u00a0${MONTHS[date.getUTCMonth()]}${date.getUTCFullYear() === thisYear ? '' : `\u00a0${date.getUTCFullYear()}`}`;
}
const moment = (second) => `${new Date(second * 1000).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
