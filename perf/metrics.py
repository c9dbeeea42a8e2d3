"""A server's metrics page (Prometheus' text format): what it says, and what has changed between two readings."""
import re

SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
HISTOGRAM_PART = re.compile(r"_(bucket|sum|count)$")


class Page:
    """Samples by name and labels; `types` by family."""

    def __init__(self, text=""):
        self.samples, self.types = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, family, kind = line.split(" ", 3)
                self.types[family] = kind
            elif line and not line.startswith("#"):
                match = SAMPLE.match(line)
                if match is None:
                    raise ValueError(f"no sample: {line[:100]}")
                labels = frozenset(LABEL.findall(match.group(2) or ""))
                self.samples[(match.group(1), labels)] = float(match.group(3))

    def has(self, name, **labels):
        return any(True for _ in self._matching(name, labels))

    def value(self, name, **labels):
        """The sum over all samples of that name that have these labels; 0 where there is none."""
        return sum(self._matching(name, labels))

    def _matching(self, name, labels):
        wanted = set(labels.items())
        return (value for (sample, given), value in self.samples.items() if sample == name and wanted <= given)


def shown(name, labels):
    return name + ("{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels)) + "}" if labels else "")


def difference(before, after):
    """What has changed: {"counters": {name: difference}, "histograms": {name: {"count", "sum", "buckets": [[le, count], ...]}}}.

    A histogram's buckets are those that something fell into, each with its own count. Gauges are left out: their difference
    says nothing.
    """
    counters, histograms = {}, {}
    for (name, labels), value in after.samples.items():
        change = value - before.samples.get((name, labels), 0.0)
        family = HISTOGRAM_PART.sub("", name)
        if after.types.get(family) == "histogram" and family != name:
            part = name[len(family) + 1:]
            bound = next((v for k, v in labels if k == "le"), None)
            key = shown(family, [pair for pair in labels if pair[0] != "le"])
            one = histograms.setdefault(key, {"count": 0.0, "sum": 0.0, "cumulative": []})
            if part == "bucket":
                one["cumulative"].append((float(bound), change))
            else:
                one[part] = change
        elif after.types.get(name) in ("counter", "untyped") and change:
            counters[shown(name, labels)] = change
    for one in histograms.values():
        one["buckets"], below = [], 0.0
        for bound, cumulative in sorted(one.pop("cumulative")):
            if cumulative > below:
                one["buckets"].append([bound if bound != float("inf") else "+Inf", cumulative - below])
            below = cumulative
    return {"counters": counters, "histograms": {key: one for key, one in histograms.items() if one["count"]}}


def quantile(histogram, fraction):
    """The upper bound of the bucket in which the value at `fraction` lies; None when empty or above the last bound."""
    wanted, seen = fraction * histogram["count"], 0.0
    for bound, count in histogram["buckets"]:
        seen += count
        if seen >= wanted:
            return None if bound == "+Inf" else bound
    return None
