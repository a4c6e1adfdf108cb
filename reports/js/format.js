// Numbers as text, and elements. Text from outside only ever enters the page through textContent.

/** Makes an element: el('td', {class: 'num'}, 'text', node...). */
function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null && value !== false) node.setAttribute(key, value === true ? '' : value);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ''));
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';
function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/** Text of a stranger: isolated, so that right-to-left text does not turn its surroundings; long text is clamped and opens on click. */
function stranger(text) {
  const short = el('bdi', {}, text);
  if (text.length < 60) return short;
  const node = el('span', { class: 'clamp', tabindex: '0', role: 'button', 'aria-expanded': 'false', title: 'Show all' }, short);
  const toggle = () => node.setAttribute('aria-expanded', String(node.classList.toggle('open')));
  node.addEventListener('click', toggle);
  node.addEventListener('keydown', (event) => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); toggle(); } });
  return node;
}

const tag = (kind, text = kind) => el('span', { class: `tag ${kind}` }, text);
/** The mark of a cell or a row whose outputs are beyond the limits: no gain is shown without it. */
const differs = (one) => (one.differs ? [' ', tag('failed', 'output differs')] : []);
const none = (why) => el('span', { class: 'none' }, why);
const known = (value) => value !== null && value !== undefined;

function ms(us) {
  const value = us / 1000;
  if (value >= 100) return value.toFixed(1);
  if (value >= 10) return value.toFixed(2);
  return value >= 0.1 || value === 0 ? value.toFixed(3) : String(Number(value.toPrecision(3)));
}
const us = (value) => (value >= 1000 ? Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, '\u202f') : value === 0 ? '0' : value.toPrecision(3));
/** Three digits, but near 1, where the third decides, four. */
const times = (ratio) => `${ratio >= 100 ? Math.round(ratio) : ratio > 0.9 && ratio < 1.1 ? ratio.toFixed(3) : ratio.toPrecision(3)}×`;
const percent = (value, digits = 1) => value.toFixed(digits);
const fixed = (digits) => (value) => value.toFixed(digits);
const strangerText = (text, limit = 90) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

/** What is drawn when it is first seen, in the order of the page. */
const unseen = [];

/** Runs `work` once, when `node` comes near the view, is opened, or is about to be printed; `whileIdle`: or when nobody waits. */
function whenSeen(node, work, whileIdle = true) {
  let done = false;
  const run = () => { if (!done) { done = true; observer.disconnect(); return work(); } return null; };
  const observer = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) run(); }, { rootMargin: '400px' });
  observer.observe(node);
  addEventListener('beforeprint', run);
  if (whileIdle) unseen.push(run);
}
