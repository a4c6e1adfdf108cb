// Tables that sort, filter and grow: a few hundred rows are shown, the rest on demand.

const PAGE = 200;

/**
 * Columns: {key, label, title?, num?, wideOnly?, value(row) -> number|string|null, show?(row) -> node|string, head?() -> node below the label}.
 * Options: {id, label, rows(), columns, text(row), filter?: 'q' | 'oq' | '', sort?: 'key' | '-key', limit?, empty, quiet?}. `id` is what the
 * address keeps the order under; a `quiet` table says nothing where no row matches. A table takes the place of the one that its host held before.
 */
class Table {
  constructor(host, options) {
    Object.assign(this, { filter: 'q', limit: PAGE, ...options });
    this.heads = new Map();
    const header = el('tr');
    for (const column of this.columns) {
      const button = el('button', { type: 'button', class: 'sort', title: column.title || null }, column.label);
      button.addEventListener('click', () => this.order(column));
      const head = el('th', { scope: 'col', class: classOf(column), 'aria-sort': 'none' }, button, column.head ? column.head() : null);
      this.heads.set(column.key, head);
      header.append(head);
    }
    this.body = el('tbody');
    this.table = el('table', { id: `table-${this.id}` }, el('caption', { class: 'hidden' }, this.label), el('thead', {}, header), this.body);
    this.foot = el('p', { class: 'note more', 'aria-live': 'polite' });
    host.replaceChildren(el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': this.label }, this.table), this.foot);
    if (host.table) host.table.close();
    host.table = this;
    this.close = watch([this.filter, `sort-${this.id}`], () => this.draw());
  }

  get sorting() {
    const text = state.get(`sort-${this.id}`) || this.sort || '';
    const key = text.replace(/^-/, '');
    return { column: this.columns.find((column) => column.key === key) || null, down: text.startsWith('-') };
  }

  order(column) {
    const { column: current, down } = this.sorting;
    // Numbers are first wanted with the largest on top, text from A on.
    const first = column.num ? '-' : '';
    const turned = current === column ? (down ? '' : '-') : first;
    keep(`sort-${this.id}`, turned + column.key);
  }

  draw() {
    const matches = matcher(this.filter);
    const all = this.rows();
    const rows = all.filter((row) => matches(this.text(row)));
    const { column, down } = this.sorting;
    if (column) rows.sort((a, b) => compare(column.value(a), column.value(b), down));
    this.heads.forEach((head, key) => head.setAttribute('aria-sort', column && column.key === key ? (down ? 'descending' : 'ascending') : 'none'));
    this.body.replaceChildren(...rows.slice(0, this.limit).map((row) => this.line(row)));
    this.foot.replaceChildren(...this.footer(rows.length, all.length));
    this.table.parentNode.hidden = rows.length === 0;
  }

  line(row) {
    const cells = this.columns.map((column, index) => {
      const shown = column.show ? column.show(row) : known(column.value(row)) ? String(column.value(row)) : none('–');
      return el(index === 0 ? 'th' : 'td', { class: classOf(column), scope: index === 0 ? 'row' : null }, shown);
    });
    return el('tr', {}, ...cells);
  }

  footer(shown, all) {
    if (all === 0) return [this.empty];
    if (shown === 0) return [this.quiet ? '' : 'No row matches the filter.'];
    if (shown <= this.limit) return shown < all ? [`${shown} of ${all} rows match the filter.`] : [];
    const more = el('button', { type: 'button' }, `Show all ${shown}`);
    more.addEventListener('click', () => { this.limit = Infinity; this.draw(); });
    return [`${this.limit} of ${shown} rows. `, more];
  }
}

/** Of a column's cells: `num` for numbers, and `wideOnly` for what a narrow screen leaves out. */
const classOf = (column) => [column.num ? 'num' : '', column.wideOnly ? 'wide-only' : ''].filter(Boolean).join(' ') || null;

/** Orders two values; what is not known comes last, whichever way the rest goes. */
function compare(a, b, down) {
  if (!known(a) || !known(b)) return known(a) ? -1 : known(b) ? 1 : 0;
  const order = typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b), 'en', { numeric: true });
  return down ? -order : order;
}

/** The columns that say which cell a row is about. */
const cellColumns = (cellOf) => [
  { key: 'model', label: 'Model', value: (row) => cellOf(row).model, show: (row) => stranger(cellOf(row).model) },
  ...(sided ? [{ key: 'side', label: 'Side', value: (row) => cellOf(row).side, show: (row) => sideTag(cellOf(row)) }] : []),
  { key: 'device', label: 'Device', value: (row) => cellOf(row).device, show: (row) => deviceName(cellOf(row)) },
  { key: 'delegate', label: 'Delegate', value: (row) => cellOf(row).delegate, show: (row) => stranger(cellOf(row).delegate) },
  { key: 'threads', label: 'Threads', num: true, value: (row) => cellOf(row).threads },
  { key: 'cpus', label: 'CPUs', value: (row) => cellOf(row).cpus, show: (row) => coresOf(cellOf(row)) },
  ...(data.dimensions.binary.some(Boolean) ? [{ key: 'binary', label: 'Binary', value: (row) => cellOf(row).binary, show: (row) => stranger(cellOf(row).binary) }] : []),
  ...(data.dimensions.variant.some(Boolean) ? [{ key: 'variant', label: 'Variant', value: (row) => cellOf(row).variant, show: (row) => stranger(cellOf(row).variant) }] : []),
];

/** The same in two columns, for tables that have many others. */
const shortCellColumns = (cellOf) => [
  { key: 'model', label: 'Model', value: (row) => cellOf(row).model, show: (row) => stranger(cellOf(row).model) },
  { key: 'config', label: 'Configuration', value: (row) => cellOf(row).config, show: (row) => configName(cellOf(row)) },
];

/** Base or head, on the page of two sides. */
const sideTag = (cell) => el('span', { class: `side-tag ${cell.side}` }, cell.side);

/** A configuration, each name isolated: right-to-left text in one must not turn the others around. */
function configName(cell, names = [...(cell.variant ? ['variant'] : []), 'device', 'delegate', 'threads', 'cpus', ...(cell.binary ? ['binary'] : [])]) {
  const parts = names.flatMap((name, index) => [index ? ' · ' : '', name === 'threads' ? threadWords(cell.threads) : stranger(cell[name])]);
  return el('span', { class: 'config' }, ...(sided ? [sideTag(cell), ' '] : []), ...parts, ...(virtualDevices.has(cell.device) ? [' ', tag('virtual')] : []));
}
const deviceName = (cell) => el('span', {}, stranger(cell.device), virtualDevices.has(cell.device) ? ' ' : '', virtualDevices.has(cell.device) ? tag('virtual') : '');
const coresOf = (cell) => el('span', {}, stranger(cell.cpus), cell.cpus === cell.mask ? '' : el('span', { class: 'mask' }, ` (${cell.mask})`));
