"""Stacks of sampled programs: recorded by perf, counted, drawn as a flame graph. tools/profile and tools/top share it."""

import collections
import html
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'perf'))
import cli            # noqa: E402
import rig as rigs    # noqa: E402

WIDTH, ROW, PAD, FONT = 1400, 18, 12, 12
CHARACTER = 7.0   # pixels; monospace at 12 px


def record(data, frequency, seconds=None, pid=None, command=None):
    """Samples a process for some seconds, or a command and what it starts until it ends; perf's file is `data`."""
    perf = ['perf', 'record', '-q', '-e', 'cpu-clock', '-F', str(frequency), '--call-graph', 'fp', '-o', data]
    perf += ['-p', str(pid), '--', 'sleep', str(seconds)] if pid else ['--'] + command
    with subprocess.Popen(perf, stderr=subprocess.PIPE if pid else None, text=True, errors='replace') as process:
        try:
            said = process.communicate()[1]
        except BaseException:
            process.send_signal(signal.SIGINT)   # it ends what it has started, too
            raise
    if process.returncode != 0:
        said = (said or '').strip().split('\n')[-1]
        raise RuntimeError('perf record ended with status %d%s' % (process.returncode, ': ' + said if said else ''))


def read(data):
    """The stacks of perf's file, counted."""
    script = subprocess.run(['perf', 'script', '-i', data, '-F', 'comm,tid,time,event,ip,sym,dso', '--no-inline'], check=True,
                            capture_output=True, text=True, errors='replace').stdout
    return fold(script.split('\n'))


def fold(script):
    """Counts stacks in `perf script` output: a header line, then one line a frame, innermost first, then an empty line."""
    stacks, frames, command = collections.Counter(), [], ''
    for line in script:
        if not line.strip():
            if command:
                stacks[';'.join([command] + frames[::-1])] += 1
            frames, command = [], ''
        elif not line[0].isspace():
            command = re.split(r'\s+\d+', line.strip())[0].replace(';', ':').replace(' ', '_')
        else:
            match = re.match(r'\s+[0-9a-f]+ (.*) \((.*)\)$', line.rstrip())
            name = match.group(1) if match else line.strip()
            name = re.sub(r'\+0x[0-9a-f]+$', '', name)
            if name == '[unknown]' and match:
                name = '[%s]' % pathlib.Path(match.group(2)).name
            frames.append(name.replace(';', ':'))
    if command:
        stacks[';'.join([command] + frames[::-1])] += 1
    return stacks


def read_folded(path):
    """One line a stack: frames with ; between, a blank, the count."""
    stacks = collections.Counter()
    for number, line in enumerate(path.read_text(errors='replace').splitlines(), 1):
        stack, _, count = line.rpartition(' ')
        if not stack or not count.isdigit():
            raise ValueError('%s, line %d: not a stack and a count' % (path, number))
        stacks[stack] += int(count)
    return stacks


def write_folded(stacks, path):
    path.write_text(''.join('%s %d\n' % pair for pair in sorted(stacks.items())))


def by_thread(stacks):
    """The stacks of each thread's name. A shard's thread has a core of its own, so these are the cores."""
    threads = collections.defaultdict(collections.Counter)
    for stack, count in stacks.items():
        threads[stack.split(';', 1)[0]][stack] += count
    return threads


class Frame:
    """A box of the graph: a function at one place in the tree of calls."""

    def __init__(self, name):
        self.name, self.samples, self.own, self.callees = name, 0, 0, {}

    def add(self, frames, count):
        self.samples += count
        if not frames:
            self.own += count
            return
        self.callees.setdefault(frames[0], Frame(frames[0])).add(frames[1:], count)

    def depth(self):
        return 1 + max((c.depth() for c in self.callees.values()), default=0)


def tree(stacks):
    root = Frame('all')
    for stack, count in stacks.items():
        root.add(stack.split(';'), count)
    return root


def colour(name):
    """Warm for ours, green for the kernel, grey for libraries' unknowns; the same name always has the same colour."""
    mix = sum(ord(c) * (i + 7) for i, c in enumerate(name)) % 60
    if name.startswith('['):
        return 'rgb(%d,%d,%d)' % (190 + mix // 3, 190 + mix // 3, 195 + mix // 3)
    if re.match(r'(gyre::|void gyre|auto gyre)', name) or 'gyre' in name:
        return 'rgb(%d,%d,%d)' % (245, 150 + mix, 60 + mix // 2)
    if re.match(r'(_*x64_|__?sys_|do_|entry_|tcp_|ip_|io_|sock|__|skb|net_|schedule|finish_task)', name):
        return 'rgb(%d,%d,%d)' % (140 + mix // 2, 205 + mix // 3, 130 + mix // 2)
    return 'rgb(%d,%d,%d)' % (240, 205 + mix // 2, 120 + mix)


def shown(text):
    """As XML has it, which cannot say every character."""
    return html.escape(re.sub('[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '?', text))


def draw(stacks, title):
    """The flame graph as SVG text. A frame's width is its share of the samples; boxes narrower than half a pixel are left out."""
    sys.setrecursionlimit(10000)
    root = tree(stacks)
    height = root.depth() * ROW + 4 * PAD + 16
    scale = (WIDTH - 2 * PAD) / max(root.samples, 1)
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="monospace" font-size="%d">' % (
               WIDTH, height, WIDTH, height, FONT),
           '<style>rect { stroke: #fff; stroke-width: 0.5 } g:hover rect { stroke: #000; stroke-width: 1 }</style>',
           '<rect width="100%%" height="100%%" fill="#fffdf8"/><text x="%d" y="%d" font-size="15">%s</text>' % (PAD, PAD + 10, shown(title))]

    def box(frame, left, level):
        width = frame.samples * scale
        if width < 0.5:
            return
        top = height - PAD - (level + 1) * ROW
        share = 100.0 * frame.samples / max(root.samples, 1)
        told = '%s: %d samples, %.2f %%, itself %.2f %%' % (frame.name, frame.samples, share, 100.0 * frame.own / max(root.samples, 1))
        letters = int((width - 6) / CHARACTER)
        text = frame.name if len(frame.name) <= letters else frame.name[:max(letters - 2, 0)] + '..'
        label = '<text x="%.1f" y="%.1f">%s</text>' % (left + 3, top + ROW - 5, shown(text)) if letters >= 3 else ''
        out.append('<g><title>%s</title><rect x="%.2f" y="%d" width="%.2f" height="%d" rx="2" fill="%s"/>%s</g>' % (
            shown(told), left, top, width, ROW - 1, colour(frame.name), label))
        for callee in sorted(frame.callees.values(), key=lambda f: f.name):
            box(callee, left, level + 1)
            left += callee.samples * scale

    box(root, PAD, 0)
    return '\n'.join(out + ['</svg>', ''])


def own_time(stacks):
    """Samples of each function itself."""
    own = collections.Counter()
    for stack, count in stacks.items():
        own[stack.rsplit(';', 1)[-1]] += count
    return own


def measured_load(build, connections, pipeline, protocol, query, seconds, warmup, flags=()):
    """A server and gyre-bench on a core each: yields the server's process id once the warm-up is over, and then, at the end, the
    load's figures with what it cost the server. Step by step with next(); close() stops both at any time."""
    parser = cli.Parser('')
    rigs.add_machine_options(parser, str(ROOT))
    options = parser.parse_args(['--build', str(build)])
    setting = rigs.Setting(query=query, protocol=protocol, pipeline=pipeline, flags=tuple(flags))
    with rigs.Rig(options) as rig:
        server = rig.start(setting)
        result = {}

        def load():
            try:
                result.update(rig.point(server, connections, seconds + 0.5, warmup))
            except Exception as error:   # told by the caller's thread
                result['problem'] = error
        thread = threading.Thread(target=load)
        thread.start()
        try:
            time.sleep(warmup + 0.5)
            if 'problem' not in result:
                yield server.process.pid
                thread.join()
            if 'problem' in result:
                raise result['problem']
            yield result
        finally:
            server.stop()   # the client ends when it has nobody to ask
            thread.join()


def named(path, suffix, thread=None):
    """`profile` -> profile.SUFFIX, of a thread profile-THREAD.SUFFIX."""
    name = path.name[:-4] if path.name.endswith('.svg') else path.name
    part = '-' + re.sub(r'[^A-Za-z0-9_.-]', '_', thread) if thread else ''
    return path.with_name('%s%s.%s' % (name, part, suffix))
