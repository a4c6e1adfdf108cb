// The matrix: it comes written in the page; here it learns to draw its dots, show ratios, sort and filter.

/** Half of the width of all strips, as a share of the median: the smallest step that holds nearly every process of the run. */
const STRIP_STEPS = [0.05, 0.1, 0.2, 0.5, 1];
const stripHalf = (() => {
  const off = [];
  for (const cell of cells) {
    if (!cell.latency || !cell.latency[0]) continue;
    for (const value of [...cell.ok, ...cell.off]) off.push(Math.abs(value / cell.latency[0] - 1));
  }
  off.sort((a, b) => a - b);
  const most = off.length ? off[Math.min(off.length - 1, Math.floor(off.length * 0.95))] : 0;
  return STRIP_STEPS.find((step) => most <= step) || 1;
})();

const STRIP = { width: 120, height: 14, pad: 5 };

/** A dot for every process; those off the scale are triangles at its end. */
function strip(cell) {
  const [middle] = cell.latency;
  const shown = [...cell.ok.map((value) => [value, 'dot']), ...cell.off.map((value) => [value, 'dot invalid'])];
  const span = STRIP.width / 2 - STRIP.pad;
  const y = STRIP.height / 2;
  const label = `${plural(shown.length, 'process', 'processes')}: ${shown.map(([value]) => ms(value)).join(', ')} ms`;
  const drawing = svg('svg', { viewBox: `0 0 ${STRIP.width} ${STRIP.height}`, width: STRIP.width, height: STRIP.height, role: 'img', 'aria-label': label, class: 'dots' });
  const title = svg('title');
  title.textContent = label;
  drawing.append(title, svg('line', { x1: STRIP.pad, x2: STRIP.width - STRIP.pad, y1: y, y2: y, class: 'axis' }),
    svg('line', { x1: STRIP.width / 2, x2: STRIP.width / 2, y1: 1, y2: STRIP.height - 1, class: 'median' }));
  for (const [value, kind] of shown) {
    const off = middle ? (value / middle - 1) / stripHalf : 0;
    if (Math.abs(off) <= 1) drawing.append(svg('circle', { cx: (STRIP.width / 2 + off * span).toFixed(1), cy: y, r: 3, class: kind }));
    else {
      const tip = off > 0 ? STRIP.width - 0.5 : 0.5;
      const back = off > 0 ? tip - 6 : tip + 6;
      drawing.append(svg('path', { d: `M${tip} ${y}L${back} ${y - 4}V${y + 4}Z`, class: `${kind} beyond` }));
    }
  }
  return drawing;
}

function setUpMatrix() {
  const table = document.getElementById('matrix');
  if (!table) return; // the page of two sides has none
  const body = table.tBodies[0];
  const lines = [...body.rows].map((row, index) => ({
    row,
    index,
    model: row.cells[0].textContent,
    columns: [...row.cells].slice(1).map((node) => ({ node, cell: cellById.get(node.dataset.cell) || null })),
  }));
  const buttons = [...table.querySelectorAll('button.sort')];
  const bottom = [...table.tHead.rows[2].cells];

  // The headings of devices stay in view beside the column of models, however wide that is.
  const keepBeside = () => table.style.setProperty('--model-width', `${table.tHead.rows[0].cells[0].offsetWidth}px`);
  keepBeside();
  addEventListener('resize', keepBeside);

  document.getElementById('strip-scale').textContent = `; the line spans ±${Math.round(stripHalf * 100)} % of it, a triangle lies beyond`;
  for (const line of lines) whenSeen(line.row, () => line.columns.forEach(({ node, cell }) => {
    if (!cell) return;
    const name = `${cell.model}, ${cell.config}`;
    const more = el('button', { type: 'button', class: 'link open-cell', 'data-open': cell.id, 'aria-label': `Every process of ${name}` }, 'more');
    const pick = cell.profiled ? el('button', { type: 'button', class: 'link pick', 'data-pick': cell.id, 'aria-label': `Show the ops of ${name}` }, 'ops') : '';
    const dots = el('span', { class: 'line' }, cell.latency ? strip(cell) : '', el('span', { class: 'picks' }, more, pick));
    const range = node.querySelector('.range');
    if (range) range.after(dots); else node.append(dots);
  }), false);
  body.addEventListener('click', (event) => {
    const pick = event.target.closest('[data-pick], [data-open]');
    if (pick?.dataset.pick) showOps(pick.dataset.pick);
    else if (pick) keep('cell', pick.dataset.open);
  });

  watch(['base'], () => {
    for (const { columns } of lines) for (const { node, cell } of columns) {
      node.querySelector('.ratio')?.remove();
      if (cell && cell.state === 'ok') node.querySelector('.line')?.append(ratioMark(cell));
    }
  });

  watch(['q', 'base'], () => {
    const matches = matcher();
    const filtering = words().length > 0;
    const columnSeen = bottom.map(() => false);
    for (const line of lines) {
      let seen = false;
      line.columns.forEach(({ node, cell }, index) => {
        const hit = cell !== null && matches(textOf(cell));
        node.classList.toggle('dim', filtering && !hit);
        if (hit) { seen = true; columnSeen[index] = true; }
      });
      line.row.hidden = filtering && !seen;
    }
    const show = (index) => !filtering || columnSeen[index];
    bottom.forEach((head, index) => { head.hidden = !show(index); });
    for (const { columns } of lines) columns.forEach(({ node }, index) => { node.hidden = !show(index); });
    for (const row of [table.tHead.rows[0], table.tHead.rows[1]]) narrow(row, show);
    document.getElementById('matrix-empty').hidden = lines.some(({ row }) => !row.hidden);
  });

  buttons.forEach((button) => button.addEventListener('click', () => {
    const current = state.get('sort-matrix');
    const key = button.dataset.sort;
    // Round and round: up, down, as the suite has it.
    keep('sort-matrix', current === key ? `-${key}` : current === `-${key}` ? null : key);
  }));
  watch(['sort-matrix'], () => {
    const text = state.get('sort-matrix') || '';
    const key = text.replace(/^-/, '');
    const down = text.startsWith('-');
    const value = (line) => (key === 'model' ? line.model : line.columns[key]?.cell?.state === 'ok' ? line.columns[key].cell.latency?.[0] : null);
    const sorted = key ? lines.slice().sort((a, b) => compare(value(a), value(b), down)) : lines;
    body.append(...sorted.map(({ row }) => row));
    buttons.forEach((button) => button.closest('th').setAttribute('aria-sort', button.dataset.sort === key ? (down ? 'descending' : 'ascending') : 'none'));
  });
}

/** Fits the spanning headings to the columns that are shown. */
function narrow(row, show) {
  let index = 0;
  for (const head of row.cells) {
    if (head.scope !== 'colgroup') continue;
    const span = Number(head.dataset.span ||= head.colSpan);
    let seen = 0;
    for (let i = 0; i < span; i += 1) if (show(index + i)) seen += 1;
    index += span;
    head.hidden = seen === 0;
    head.colSpan = seen || 1;
  }
}
