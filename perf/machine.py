"""Where and with what something was measured: machine, kernel, build, revision, and what the processor counts."""
import contextlib
import json
import os
import platform
import re
import subprocess

from cli import INTERRUPTS

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HARDWARE = ("instructions", "cycles", "cache-misses", "branch-misses")
SOFTWARE = ("task-clock", "context-switches", "cpu-migrations", "page-faults")


def output_of(*command, cwd=ROOT):
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=cwd)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def processor():
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as info:
        match = re.search(r"model name\s*:\s*(.+)", info.read())
        if match:
            return match.group(1)
    return "unknown processor"


def describe():
    """One line: "processor, cores, kernel"."""
    return f"{processor()}, {os.cpu_count()} cores, Linux {platform.release()}"


def source_of(build):
    """Where the files are that a build directory is made from."""
    with contextlib.suppress(OSError, ValueError, KeyError), open(os.path.join(build, "meson-info", "meson-info.json")) as file:
        return json.load(file)["directories"]["source"]
    return ROOT


def revision(directory=ROOT):
    """{"revision", "changed"}: `changed` where files that git knows differ from it. Nulls outside of a repository."""
    commit = output_of("git", "rev-parse", "HEAD", cwd=directory)
    changed = output_of("git", "status", "--porcelain", "--untracked-files=no", cwd=directory)
    return {"revision": commit, "changed": None if changed is None else bool(changed)}


def build_of(directory):
    """What a build directory was configured with, as far as it matters for speed."""
    wanted = {"buildtype", "optimization", "debug", "b_lto", "b_sanitize", "b_ndebug", "cpp_args", "mimalloc"}
    options = {}
    with contextlib.suppress(OSError, ValueError), open(os.path.join(directory, "meson-info", "intro-buildoptions.json")) as file:
        options = {one["name"]: one["value"] for one in json.load(file) if one["name"] in wanted}
    return {"options": options, "version": output_of(os.path.join(directory, "gyre"), "--version")}


def everything(build):
    """All that a result says of its origin; the revision is of the files that the build was made from."""
    with contextlib.suppress(OSError), open("/proc/meminfo") as info:
        memory = re.search(r"MemTotal:\s+(\d+) kB", info.read()).group(1)
    return {"machine": {"processor": processor(), "cores": os.cpu_count(), "kernel": platform.release(),
                        "architecture": platform.machine(), "memory_kb": int(memory), "load": os.getloadavg()[0],
                        "hardware_counters": hardware_counters()},
            "git": revision(source_of(build)), "build": build_of(build)}


def parse_perf_stat(text):
    """`perf stat -x,`: {event: value}; None where the machine does not count it."""
    counts = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) < 3 or not fields[2]:
            continue
        event = fields[2].split(":")[0]
        try:
            counts[event] = float(fields[0])
        except ValueError:
            counts[event] = None
    return counts


def hardware_counters():
    """Which there are: a list, or a sentence that says why there are none."""
    try:
        done = subprocess.run(["perf", "stat", "-x,", "-e", ",".join(HARDWARE), "true"], capture_output=True, text=True,
                              timeout=20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"none: perf does not run here ({error})"
    there = [event for event, value in parse_perf_stat(done.stderr).items() if value is not None]
    return there or "none: the processor does not show its counters here (a virtual machine, as a rule)"


class Counting:
    """Counts what a process does while the block runs; `counts` afterwards. Software events alone where there are no others."""

    def __init__(self, pid, hardware):
        self.events = (tuple(hardware) if isinstance(hardware, list) else ()) + SOFTWARE
        self.pid, self.counts, self.process = pid, {}, None

    def __enter__(self):
        with contextlib.suppress(OSError), INTERRUPTS.held():
            self.process = subprocess.Popen(["perf", "stat", "-x,", "-e", ",".join(self.events), "-p", str(self.pid)],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        if self.process is None:
            return
        self.process.send_signal(2)
        try:
            self.counts = parse_perf_stat(self.process.communicate(timeout=20)[1])
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
