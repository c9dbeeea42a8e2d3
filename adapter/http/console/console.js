// The console: asks the server each second and shows what has changed since. Figures come as totals since the
// server's start; rates and percentiles are differences of two answers. What the server tells is put into the
// page as text only.
'use strict';

const POLL_MS = 1000;
const PATIENCE_MS = 5000;
const KEPT = 180;          // answers that charts go back
const WINDOW = 5;          // answers that percentiles are taken over
const PHASES = [
  ['read_timestamp', 'choose a read timestamp'],
  ['oracle_wait', 'wait for the timestamp oracle'],
  ['parse', 'parse'],
  ['plan', 'plan'],
  ['cached_read', 'read, answered at once'],
  ['executed_read', 'read, by Execute alone'],
  ['first_row', 'first row'],
  ['commit', 'commit'],
  ['login', 'log in'],
  ['turn', 'turn of a core'],
];

const byId = (id) => document.getElementById(id);
const show = (id, text) => { const place = byId(id); if (place.textContent !== text) place.textContent = text; };

// ---- figures as text ----

function count(value) {
  if (value >= 1e9) return (value / 1e9).toFixed(2) + ' G';
  if (value >= 1e6) return (value / 1e6).toFixed(2) + ' M';
  if (value >= 1e4) return (value / 1e3).toFixed(1) + ' k';
  return value >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toFixed(1);
}
function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit++; }
  return (unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)) + ' ' + units[unit];
}
function duration(ns) {
  if (ns === null || ns === undefined) return '–';
  const units = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];
  const [size, name] = units.find(([size]) => ns >= size) ?? units[3];
  const value = ns / size;
  return (value >= 100 || size === 1 ? Math.round(value) : value >= 10 ? value.toFixed(1) : value.toFixed(2)) + ' ' + name;
}
function span(seconds) {
  if (seconds < 60) return Math.floor(seconds) + ' s';
  if (seconds < 3600) return Math.floor(seconds / 60) + ' min';
  if (seconds < 172800) return Math.floor(seconds / 3600) + ' h';
  return Math.floor(seconds / 86400) + ' d';
}
const clock = (second) => new Date(second * 1000).toTimeString().slice(0, 8);
const percent = (part) => (part === null ? '–' : (part * 100).toFixed(part >= 0.9995 || part < 0.0005 ? 0 : 1) + ' %');

// ---- differences of two answers ----

// What came into a histogram, [bound, count, …] each, between two answers: ascending pairs.
function arrived(now, before) {
  const old = new Map();
  for (let i = 0; i < before.length; i += 2) old.set(before[i], before[i + 1]);
  const pairs = [];
  for (let i = 0; i < now.length; i += 2) {
    const more = now[i + 1] - (old.get(now[i]) ?? 0);
    if (more > 0) pairs.push([now[i], more]);
  }
  return pairs;
}
function together(lists) {
  const sums = new Map();
  for (const list of lists) for (const [bound, times] of list) sums.set(bound, (sums.get(bound) ?? 0) + times);
  return [...sums].sort((a, b) => a[0] - b[0]);
}
const total = (pairs) => pairs.reduce((sum, [, times]) => sum + times, 0);
function percentile(pairs, fraction) {
  const wanted = total(pairs) * fraction;
  let seen = 0;
  for (const [bound, times] of pairs) {
    seen += times;
    if (seen >= wanted) return bound;
  }
  return null;
}

class Past {
  constructor() { this.answers = []; }
  // A server that has been started anew counts from zero: what was before says nothing about it.
  take(answer) {
    const last = this.answers.at(-1);
    if (last && (last.start_s !== answer.start_s || sumOf(last, 'turns') > sumOf(answer, 'turns'))) this.answers = [];
    this.answers.push(answer);
    if (this.answers.length > KEPT + 1) this.answers.shift();
  }
  get now() { return this.answers.at(-1); }
  back(steps) { return this.answers[Math.max(0, this.answers.length - 1 - steps)]; }
}
const sumOf = (answer, figure) => answer.cores.reduce((sum, core) => sum + core[figure], 0);
const seconds = (now, before) => Math.max((now.now_ms - before.now_ms) / 1000, 0.001);
const rate = (now, before, figure) => (sumOf(now, figure) - sumOf(before, figure)) / seconds(now, before);
const oracleRate = (now, before, figure) => (now.oracle[figure] - before.oracle[figure]) / seconds(now, before);
function busyShare(now, before) {
  const busy = now.busy_ns - before.busy_ns;
  const all = busy + now.idle_ns - before.idle_ns;
  return all > 0 ? busy / all : 0;
}
// `core`: its place among the cores, or null for all.
function phase(now, before, name, core) {
  const chosen = now.cores.map((_, i) => i).filter((i) => core === null || i === core);
  return together(chosen.map((i) => arrived(now.cores[i].phases_ns[name], before.cores[i].phases_ns[name])));
}
const reads = (now, before, core) => together([phase(now, before, 'cached_read', core), phase(now, before, 'executed_read', core)]);

// ---- tables ----

function cell(text, kind) {
  const made = document.createElement('td');
  if (kind) made.className = kind;
  if (kind && kind.split(' ').includes('text')) {
    made.appendChild(document.createElement('div')).textContent = text;
    made.title = text;  // of a long one not all is shown
  } else {
    made.textContent = text;
  }
  return made;
}
function busyCell(share) {
  const made = document.createElement('td');
  made.className = 'n';
  const bar = document.createElement('meter');
  bar.className = 'bar';
  bar.ariaLabel = 'busy';
  bar.high = 0.9;
  bar.value = share;
  made.append(bar, percent(share));
  return made;
}
function fill(id, rows, empty) {
  const body = byId(id).tBodies[0];
  if (rows.length === 0) {
    const none = cell(empty, 'none');
    none.colSpan = byId(id).tHead.rows[0].cells.length;
    rows = [[none]];
  }
  body.replaceChildren(...rows.map((cells) => {
    const row = document.createElement('tr');
    row.append(...cells);
    return row;
  }));
}

function showTiles(history) {
  const now = history.now, last = history.back(1), start = history.back(WINDOW);
  show('version', now.version);
  show('backend', now.backend);
  show('uptime', span(now.now_ms / 1000 - now.start_s));
  show('memory', bytes(now.resident_bytes));
  if (now === last) return;
  show('queries', count(Math.round(rate(now, last, 'queries'))));
  show('queries-note', count(sumOf(now, 'queries')) + ' in all, ' + count(sumOf(now, 'errors')) + ' errors');
  const recent = reads(now, start, null);
  show('latency', duration(percentile(recent, 0.5)));
  show('latency-note', 'p99 ' + duration(percentile(recent, 0.99)));
  show('commits', count(Math.round(oracleRate(now, last, 'commits'))));
  show('commits-note', 'p99 ' + duration(percentile(phase(now, start, 'commit', null), 0.99)));
  show('sessions', count(sumOf(now, 'sessions')));
  show('sessions-note', count(now.oracle.open_transactions) + ' in transactions');
  const shares = now.cores.map((core, i) => busyShare(core, last.cores[i]));
  show('busy', percent(shares.reduce((sum, share) => sum + share, 0) / shares.length));
  show('busy-note', 'the busiest ' + percent(Math.max(...shares)));
  const cache = now.plan_cache, old = start.plan_cache;
  const hits = cache.hits + cache.shape_hits - old.hits - old.shape_hits;
  const tried = hits + cache.misses - old.misses;
  show('hits', tried > 0 ? percent(hits / tried) : '–');
  show('hits-note', count(cache.entries) + ' plans, ' + bytes(cache.bytes));
}

function showPhases(history) {
  const choice = byId('phase-core'), now = history.now, start = history.back(WINDOW);
  const names = ['all cores', ...now.cores.map((core, i) => `core ${core.core}, ${core.role === 'oracle' ? 'oracle' : 'shard ' + i}`)];
  if (choice.options.length !== names.length) {
    choice.replaceChildren(...names.map((name, i) => new Option(name, i === 0 ? 'all' : String(i - 1))));
  }
  const core = choice.value === 'all' ? null : Number(choice.value);
  const known = PHASES.filter(([name]) => name in now.cores[0].phases_ns);
  fill(
      'phases', known.map(([name, label]) => {
        const values = phase(now, start, name, core);
        return [
          cell(label), cell(values.length ? count(total(values) / seconds(now, start)) : '–', 'n'),
          cell(duration(percentile(values, 0.5)), 'n'), cell(duration(percentile(values, 0.9)), 'n wide'),
          cell(duration(percentile(values, 0.99)), 'n'), cell(duration(percentile(values, 0.999)), 'n')
        ];
      }),
      '');
}

function showCores(history) {
  const now = history.now, last = history.back(1), start = history.back(WINDOW);
  const passed = seconds(now, last);
  fill('cores', now.cores.map((core, i) => {
    const before = last.cores[i];
    const more = (figure) => core[figure] - before[figure];
    const values = reads(now, start, i);
    const turns = more('turns');
    return [cell(String(core.core)), cell(core.role), cell(count(Math.round(more('queries') / passed)), 'n'), busyCell(busyShare(core, before)),
      cell(duration(percentile(values, 0.5)), 'n'), cell(duration(percentile(values, 0.99)), 'n'), cell(count(Math.round(turns / passed)), 'n wide'),
      cell(turns ? (more('completions') / turns).toFixed(1) : '–', 'n wide'), cell(count(Math.round(more('syscalls') / passed)), 'n wide'),
      cell(duration(percentile(phase(now, start, 'turn', i), 0.99)), 'n wide'), cell(duration(core.longest_turn_ns), 'n wide'),
      cell(count(Math.round(more('messages') / passed)), 'n wide'), cell(count(Math.round(more('wakeups_received') / passed)), 'n wide')];
  }), '');
}

function showOracle(history) {
  const now = history.now, last = history.back(1), start = history.back(WINDOW);
  const oracle = now.oracle;
  const batches = oracle.batches - start.oracle.batches;
  const figures = [
    ['read timestamps/s', count(Math.round(oracleRate(now, last, 'read_timestamps')))],
    ['calls/s', count(Math.round(oracleRate(now, last, 'calls')))],
    ['calls per batch', batches ? ((oracle.batched_calls - start.oracle.batched_calls) / batches).toFixed(1) : '–'],
    ['commits/s', count(Math.round(oracleRate(now, last, 'commits')))],
    ['locks held', count(oracle.locks_held)],
    ['waiting for locks', count(oracle.calls_waiting)],
    ['lock waits', count(oracle.lock_waits)],
    ['deadlocks', count(oracle.deadlocks)],
    ['kept for readers', bytes(oracle.retained_bytes)],
  ];
  if ('log_bytes' in oracle) {
    figures.push(['log written/s', bytes(Math.round(oracleRate(now, last, 'log_bytes')))], ['log syncs/s', count(Math.round(oracleRate(now, last, 'log_syncs')))]);
  }
  list('oracle', figures);
  const cacheRate = (figure) => count(Math.round((now.plan_cache[figure] - last.plan_cache[figure]) / seconds(now, last)));
  list('plan-cache', [
    ['found by text/s', cacheRate('hits')], ['found by shape/s', cacheRate('shape_hits')], ['not found/s', cacheRate('misses')],
    ['out of date', count(now.plan_cache.stale)], ['evicted', count(now.plan_cache.evictions)], ['kept', count(now.plan_cache.entries)],
  ]);
}
// Only where timestamps are made elsewhere.
function showTimestampOracle(history) {
  const now = history.now, last = history.back(1), start = history.back(WINDOW);
  const oracle = now.timestamp_oracle, before = start.timestamp_oracle;
  byId('timestamp-oracle').hidden = !oracle;
  if (!oracle) return;
  show('timestamp-oracle-state', oracle.state);
  byId('timestamp-oracle-state').className = oracle.state === 'well' ? 'good' : 'bad';
  const all = (answer, figure) => answer.verbs.reduce((sum, verb) => sum + verb[figure], 0);
  const batches = oracle.batches - before.batches;
  const waits = phase(now, start, 'oracle_wait', null), calls = arrived(oracle.batch_ns, before.batch_ns);
  list('timestamp-oracle-figures', [
    [
      'calls/s',
      count(Math.round((all(oracle, 'started') - all(last.timestamp_oracle, 'started')) / seconds(now, last)))
    ],
    [
      'statements per call',
      batches ? ((oracle.batched_statements - before.batched_statements) / batches).toFixed(1) : '–'
    ],
    ['statements wait, p50', duration(percentile(waits, 0.5))],
    ['statements wait, p99', duration(percentile(waits, 0.99))],
    ['call, p50', duration(percentile(calls, 0.5))],
    ['call, p99', duration(percentile(calls, 0.99))],
    ['calls failed', count(all(oracle, 'failed'))],
    ['retries', count(all(oracle, 'retries'))],
    ['connections', count(oracle.connections)],
    ['of these idle', count(oracle.connections_idle)],
    ['connections made', count(oracle.connections_made)],
    ['connections failed', count(oracle.connection_errors)],
  ]);
  fill(
      'verbs', oracle.verbs.map((verb, i) => {
        const answered = verb.succeeded + verb.failed - before.verbs[i].succeeded - before.verbs[i].failed;
        return [
          cell(verb.name),
          cell(
              count(Math.round((verb.started - last.timestamp_oracle.verbs[i].started) / seconds(now, last))),
              'n'),
          cell(answered ? duration((verb.took_ns - before.verbs[i].took_ns) / answered) : '–', 'n'),
          cell(count(verb.failed), 'n'), cell(count(verb.retries), 'n')
        ];
      }),
      '');
}
function list(id, figures) {
  byId(id).replaceChildren(...figures.map(([name, value]) => {
    const item = document.createElement('div');
    item.appendChild(document.createElement('dt')).textContent = name;
    item.appendChild(document.createElement('dd')).textContent = value;
    return item;
  }));
}

function showActivity(activity) {
  const shown = activity.sessions.length < activity.session_count ? `${activity.sessions.length} of ${activity.session_count}` : String(activity.session_count);
  show('session-count', shown);
  fill('session-list', activity.sessions.map((s) => [cell(String(s.pid), 'n'), cell(s.role), cell(s.application, 'wide'), cell(s.client, 'wide'), cell(s.state),
    cell(duration(s.state_us * 1000), 'n'), cell(s.wait, 'wide'), cell(s.query, 'text')]), 'nobody is connected');
  const slowest = [...activity.slowest].sort((a, b) => b.longest_ns - a.longest_ns).slice(0, 20);
  fill('slowest', slowest.map((s) => [cell(s.text, 'text'), cell(duration(s.longest_ns), 'n'), cell(count(s.times), 'n wide'), cell(span(s.ago_us / 1e6), 'n'),
    cell(String(s.shard), 'n wide')]), 'nothing took longer than 100 µs');
  showCosts(activity.costs);
  const plans = [...activity.plans].sort((a, b) => b.uses - a.uses).slice(0, 50);
  fill('plans', plans.map((p) => [cell(p.text, 'text'), cell(count(p.uses), 'n'), cell(count(p.bytes), 'n wide'), cell(p.kind, 'wide'), cell(String(p.shard), 'n wide')]),
    'no plans yet');
}

// Only where pg_stat_statements counts.
let lastCosts = [];
function showCosts(costs) {
  lastCosts = costs;
  byId('costs-section').hidden = costs.length === 0;
  const figure = byId('costs-order').value;
  const shown = [...costs].sort((a, b) => b[figure] - a[figure]).slice(0, 20);
  fill(
      'costs',
      shown.map(
          (c) =>
              [cell(c.text, 'text'), cell(count(c.calls), 'n'), cell(duration(c.total_ns), 'n'),
               cell(duration(c.mean_ns), 'n wide'), cell(duration(c.longest_ns), 'n'),
               cell(count(c.rows), 'n wide'), cell(c.role, 'wide')]),
      '');
}

// ---- charts ----

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const LINES = ['a', 'b', 'c', 'd', 'e'];

class Chart {
  // `series`: of the cores there are, names; `figures`: of two answers, values.
  constructor(id, { names, figures, format, scale, fillFirst, grid, steps }) {
    Object.assign(this, { place: byId(id), names, figures, format, scale, fillFirst, grid, steps, plot: null });
    new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.place);
  }
  size() { return { width: Math.max(this.place.clientWidth, 100), height: 180 }; }
  discard() {
    this.plot?.destroy();
    this.plot = null;
  }
  make(names) {
    const axis = { stroke: colour('muted'), grid: { stroke: colour('line'), width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    this.plot = new uPlot({
      ...this.size(),
      cursor: { y: false, points: { size: 6 } },
      legend: { live: false },
      scales: { x: { time: true }, y: this.scale },
      axes: [{ ...axis, grid: { show: false }, space: 84, size: 28, values: (_, splits) => splits.map(clock) },
        { ...axis, grid: { ...axis.grid, ...this.grid }, size: 62, ...(this.steps && { incrs: this.steps }), values: (_, splits) => splits.map((value) => this.format(value)) }],
      series: [{}, ...names.map((name, i) => ({
        label: name, stroke: colour(LINES[i % LINES.length]), width: 1.75, spanGaps: false, points: { show: false },
        fill: this.fillFirst && i === 0 ? colour(LINES[0]) + '22' : undefined,
      }))],
    }, [[], ...names.map(() => [])], this.place);
    this.plot.root.querySelector('.u-legend').ariaLabel = 'Lines';
    this.shownNames = names.join();
  }
  draw(answers) {
    if (typeof uPlot === 'undefined' || answers.length < 2) return;
    const names = this.names(answers.at(-1));
    if (this.plot && this.shownNames !== names.join()) this.discard();
    if (!this.plot) this.make(names);
    const times = [], lines = names.map(() => []);
    for (let i = 1; i < answers.length; i++) {
      times.push(answers[i].now_ms / 1000);
      this.figures(answers[i], answers[i - 1], answers[Math.max(0, i - WINDOW)]).forEach((value, line) => lines[line].push(value));
    }
    this.plot.setData([times, ...lines]);
  }
}

const fromZero = { range: (_, low, high) => [0, Math.max(high ?? 0, 1) * 1.08] };
const WHOLE = Array.from({ length: 13 }, (_, i) => [1, 2, 5].map((step) => step * 10 ** i)).flat();  // ticks of what is counted
const isPowerOfTen = (value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
const charts = [
  new Chart('chart-throughput', { names: () => ['queries/s'], figures: (now, last) => [rate(now, last, 'queries')], format: count, scale: fromZero, steps: WHOLE, fillFirst: true }),
  new Chart('chart-latency', {
    names: () => ['p50', 'p99', 'p99.9'],
    figures: (now, last, start) => {
      now.readPercentiles ??= [0.5, 0.99, 0.999].map((fraction) => percentile(reads(now, start, null), fraction));
      return now.readPercentiles;
    },
    grid: { filter: (_, splits) => splits.map((value) => (isPowerOfTen(value) ? value : null)) },
    format: (value) => (isPowerOfTen(value) ? duration(value).replace(/\.0+ /, ' ') : ''),
    scale: { distr: 3, range: (_, low, high) => [10 ** Math.floor(Math.log10(Math.max(low ?? 1e3, 1))), 10 ** Math.ceil(Math.log10(Math.max(high ?? 1e6, 10)) + 1e-9)] },
  }),
  new Chart('chart-busy', {
    names: (now) => now.cores.map((core) => `${core.core} ${core.role}`), figures: (now, last) => now.cores.map((core, i) => busyShare(core, last.cores[i]) * 100),
    format: (value) => value + ' %', scale: { range: () => [0, 100] },
  }),
  new Chart('chart-oracle', {
    names: () => ['commits', 'calls', 'statements that waited'],
    figures: (now, last) => ['commits', 'calls', 'lock_waits'].map((figure) => oracleRate(now, last, figure)), format: count, scale: fromZero, steps: WHOLE,
  }),
];

// ---- the poll ----

async function ask(path) {
  const answer = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}
function setStatus(text, kind) {
  show('status', text);
  byId('status').className = kind;
}

const past = new Past();
function redraw() {
  showTiles(past);
  showPhases(past);
  showCores(past);
  showOracle(past);
  showTimestampOracle(past);
  for (const chart of charts) chart.draw(past.answers);
}
async function poll() {
  try {
    if (!document.hidden) {
      const [figures, activity] = await Promise.all([ask('/api/console'), ask('/api/activity')]);
      past.take(figures);
      redraw();
      showActivity(activity);
      setStatus('live', 'live');
      document.documentElement.dataset.polls = String(Number(document.documentElement.dataset.polls ?? 0) + 1);
    }
  } catch {
    setStatus('no answer, trying again', 'lost');
  }
  setTimeout(poll, POLL_MS);
}

if (typeof uPlot === 'undefined') {
  byId('no-charts').hidden = false;
  byId('charts').hidden = true;
}
byId('costs-order').addEventListener('change', () => showCosts(lastCosts));
byId('phase-core').addEventListener('change', () => past.now && showPhases(past));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const chart of charts) {
    chart.discard();
    chart.draw(past.answers);
  }
});
poll();
