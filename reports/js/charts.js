// Charts by Vega-Lite, from specifications that harness/report/charts.py makes.

const specs = await read('chart-specs');

/** The library is large: it is unpacked and run when the first chart is drawn. The page's policy names its hash. */
const loadVega = once(async () => {
  const script = document.createElement('script');
  script.textContent = await unpack('vega');
  document.head.append(script);
});

/** Vega's expressions are interpreted, not compiled: the page's policy forbids making code out of text. */
const EMBED = { actions: false, renderer: 'svg', ast: true, defaultStyle: false, tooltip: { disableDefaultStyle: true } };

/** Draws a chart into `host`; `change` may adapt the (copied) specification. */
async function drawChart(host, name, datasets, change = () => {}) {
  const spec = structuredClone(specs[name]);
  spec.datasets = datasets;
  change(spec);
  const turn = (host.turn = (host.turn || 0) + 1);
  const stage = el('div', { class: 'stage' });
  const before = host.firstChild;
  await loadVega();
  if (host.turn !== turn) return;
  host.append(stage);
  const drawn = await window.vegaEmbed(stage, spec, EMBED);
  if (host.turn !== turn) { drawn.finalize(); stage.remove(); return; }
  if (host.drawn) host.drawn.finalize();
  if (before && before !== stage) before.remove();
  host.drawn = drawn;
}

function setUpLatencyChart() {
  const host = document.getElementById('latency-chart');
  const choice = document.getElementById('chart-model');
  const zero = document.getElementById('chart-zero');
  const models = data.dimensions.model.filter((model) => cells.some((cell) => cell.model === model && cell.latency));
  if (!models.length) {
    document.querySelector('#processes-chart .controls').hidden = true;
    host.replaceChildren(none('No process has a latency.'));
    return;
  }
  choice.replaceChildren(...models.map((model) => el('option', { value: model }, model)));
  choice.addEventListener('change', () => keep('model', choice.value === models[0] ? null : choice.value));
  zero.addEventListener('change', () => keep('zero', zero.checked ? '1' : null));
  whenSeen(host, async () => { await loadTrials(); watch(['model', 'zero', 'q'], () => {
    const model = models.includes(state.get('model')) ? state.get('model') : models[0];
    choice.value = model;
    zero.checked = state.get('zero') === '1';
    const matches = matcher();
    const rows = [];
    const mine = cells.filter((cell) => cell.model === model && cell.latency);
    const shown = mine.some((cell) => matches(textOf(cell))) ? mine.filter((cell) => matches(textOf(cell))) : mine;
    for (const cell of shown) for (const trial of cell.trials) {
      if (!known(trial.latency)) continue;
      rows.push({
        config: cell.config + (cell.synthetic ? ' (synthetic)' : ''), ms: trial.latency / 1000, process: trial.process, status: trial.status,
        temperature: known(trial.before) ? `${trial.before} °C${trial.simulated.includes('temperature_before_c') ? ' (simulated)' : ''}` : 'not said',
      });
    }
    drawChart(host, 'latency', { processes: rows }, (spec) => {
      const configs = [...new Set(rows.map((row) => row.config))];
      spec.height = 24 * configs.length;
      for (const { encoding } of spec.layer) {
        encoding.y.sort = configs;
        if (encoding.x.scale) encoding.x.scale.zero = zero.checked;
      }
    });
  }); });
}
