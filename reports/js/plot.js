// Scales, axes and text of all drawings.

/** Round values that cover a range, about `count` of them. */
function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-9; value += step) found.push(Math.abs(value) < step * 1e-9 ? 0 : value);
  return found;
}

/** Maps a range to pixels. */
const linear = (low, high, from, to) => (value) => (high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from));

/** As short as it can be told from its neighbours on an axis with this step. */
function shortNumber(value, step = 1) {
  if (Math.abs(value) >= 1e4) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f');
  let digits = 0;
  while (digits < 5 && Math.abs(Number(step.toFixed(digits)) - step) > step * 1e-6) digits += 1;
  return value.toFixed(digits);
}

/** Ticks with their labels: [[value, text]...]. */
function labelledTicks(low, high, count) {
  const marks = ticks(low, high, count);
  const step = marks.length > 1 ? marks[1] - marks[0] : Math.abs(marks[0]) || 1;
  return marks.map((value) => [value, shortNumber(value, step)]);
}

/** Low and high of values with some room; never narrower than `least`, which keeps noise from looking like a change. */
function extent(values, room = 0.08, least = 0) {
  const shown = values.filter((value) => known(value) && Number.isFinite(value));
  if (!shown.length) return null;
  let [low, high] = [Infinity, -Infinity];
  for (const value of shown) { low = Math.min(low, value); high = Math.max(high, value); }
  const pad = Math.max((high - low || Math.abs(high) || 1) * room, (least - (high - low)) / 2);
  return [low - pad, high + pad];
}

/** A group with a y axis at `x`: grid lines to `right`, numbers, and a title above. */
function yAxis({ low, high, y, x, right, top, title, count = 3 }) {
  const group = svg('g', { class: 'axis' });
  for (const [value, text] of labelledTicks(low, high, count)) {
    group.append(svg('line', { class: 'grid', x1: x, x2: right, y1: y(value).toFixed(1), y2: y(value).toFixed(1) }),
      label(x - 6, y(value) + 3.5, text, 'end'));
  }
  if (title) group.append(label(x, top - 6, title, 'start', 'title'));
  return group;
}

/** The same for an x axis below a drawing. */
function xAxis({ low, high, x, y, top, title, right, count = 8 }) {
  const group = svg('g', { class: 'axis' });
  for (const [value, text] of labelledTicks(low, high, count)) {
    group.append(svg('line', { class: 'grid', x1: x(value).toFixed(1), x2: x(value).toFixed(1), y1: top, y2: y }), label(x(value), y + 14, text, 'middle'));
  }
  if (title) group.append(label(right, y + 29, title, 'end', 'title'));
  return group;
}

function label(x, y, text, anchor = 'start', kind = '') {
  const node = svg('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': anchor, class: kind });
  node.textContent = text;
  return node;
}

/** Width of a label in pixels, as the style sheet has it. */
const textWidth = (() => {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return (text) => pen.measureText(text).width;
})();

/** A label of at most `room` pixels; what is longer ends in `…`. */
function shortened(text, room) {
  if (textWidth(text) <= room) return text;
  const letters = [...text].slice(0, Math.ceil(room / 2));
  while (letters.length > 1 && textWidth(`${letters.join('')}…`) > room) letters.pop();
  return `${letters.join('')}…`;
}

/** A shape with words that a pointer and a screen reader find. */
function withTitle(node, text) {
  const title = svg('title');
  title.textContent = text;
  node.append(title);
  return node;
}

const signed = (value, show) => `${value > 0 ? '+' : value < 0 ? '\u2212' : ''}${show(Math.abs(value))}`;

const LEAST_WIDTH = 240;

/** Draws into `host` at its width, now and whenever the width changes, so that text keeps its size. `make(width)` returns the drawing. */
function drawToFit(host, make) {
  host.redraw = () => {
    host.drawnAt = host.clientWidth;
    host.replaceChildren(make(Math.max(LEAST_WIDTH, host.drawnAt)));
  };
  host.redraw();
  if (host.watched) return;
  host.watched = true;
  // In a frame of its own: what changes the height of the page inside the observer's call is reported as a loop.
  new ResizeObserver(() => requestAnimationFrame(() => {
    if (host.clientWidth && host.clientWidth !== host.drawnAt) host.redraw();
  })).observe(host);
}

const chartOf = (width, height, kind, words) => svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, class: `plot ${kind}`, role: 'img', 'aria-label': words });
const tickCount = (pixels) => Math.max(2, Math.floor(pixels / 65));
