"""The page that perf/sweep and perf/matrix leave: Markdown, and SVG plots beside the published log's curves.

A report is a directory of results, one JSON file each; the page is made from whatever is there.
"""
import contextlib
import glob
import json
import os
import re
import statistics

HERE = os.path.dirname(os.path.abspath(__file__))
COLOURS = ("#1f5fa8", "#c4501b", "#2c8a4b", "#8a3f9e", "#b08a00", "#00838a", "#a3284f", "#555555")


def add(directory, result):
    """Puts a result into the report; one of the same kind and label is replaced."""
    os.makedirs(directory, exist_ok=True)
    name = result["kind"] + ("-" + re.sub(r"[^a-z0-9]+", "-", result["label"].lower()).strip("-")[:100] if result.get("label") else "")
    with open(os.path.join(directory, name + ".json"), "w") as file:
        json.dump(result, file, indent=1)


def load(directory):
    """The results in it; other files may lie there, too."""
    results = []
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        with contextlib.suppress(OSError, ValueError), open(path) as file:
            one = json.load(file)
            if isinstance(one, dict) and one.get("format") == 1 and one.get("kind") in ("sweep", "matrix"):
                results.append(one)
    return sorted(results, key=lambda one: one["began"])


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def rows_of(result):
    """A row per number of connections: medians over the rounds, and the least and most queries/s."""
    rows = []
    for count in sorted({point["connections"] for point in result["points"]}):
        mine = [point for point in result["points"] if point["connections"] == count]
        rates = [point["queries_per_second"] for point in mine]
        rows.append({"connections": count, "least": min(rates), "most": max(rates),
                     **{key: median([point.get(key) for point in mine]) for key in
                        ("queries_per_second", "mean_us", "p50_us", "p99_us", "server_cpu_us_per_query",
                         "client_cpu_us_per_query", "queries_per_oracle_call")}})
    return rows


def published():
    with open(os.path.join(HERE, "published.json")) as file:
        return json.load(file)


# ---- plots ----

def plots(directory, sweeps, log):
    """[file names]; none where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        return []
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "gyre", "font.size": 10, "axes.spines.top": False,
                                "axes.spines.right": False})
    from matplotlib import pyplot
    names = []
    for name, key, title, unit in (("throughput.svg", "queries_per_second", "Throughput over connections", "queries/s"),
                                   ("latency.svg", "mean_us", "Latency over connections (mean)", "microseconds")):
        figure, axes = pyplot.subplots(figsize=(9, 6.4))
        draw(axes, key, sweeps, log)
        axes.set_title(title, loc="left")
        axes.set_ylabel(unit)
        axes.set_xlabel("connections")
        handles, labels = axes.get_legend_handles_labels()
        ours = sorted(range(len(labels)), key=lambda i: labels[i].startswith("published"))
        figure.legend([handles[i] for i in ours], [labels[i] for i in ours], loc="lower center", ncol=2, fontsize=8, frameon=False)
        figure.subplots_adjust(left=0.125, right=0.97, top=0.93, bottom=0.12 + 0.026 * ((len(labels) + 1) // 2))
        figure.savefig(os.path.join(directory, name), metadata={"Date": None})
        pyplot.close(figure)
        names.append(name)
    return names


def draw(axes, key, sweeps, log):
    for number, series in enumerate(log["series"]):
        points = [(point["connections"], point[key]) for point in series["points"] if key in point]
        if points:
            axes.plot(*zip(*points), color="#9a9a9a", linestyle=("--", ":", "-.", (0, (5, 1)))[number % 4], linewidth=1,
                      marker="osv^Dx+*"[number % 8], markersize=3.5, label="published: " + series["label"])
    for number, result in enumerate(sweeps):
        rows = [row for row in rows_of(result) if row[key] is not None]
        colour = COLOURS[number % len(COLOURS)]
        counts = [row["connections"] for row in rows]
        axes.plot(counts, [row[key] for row in rows], color=colour, linewidth=2, marker="o", markersize=4.5,
                  label=result["label"].replace("$", r"\$"))   # two of them would begin and end a formula
        if key == "queries_per_second":
            axes.fill_between(counts, [row["least"] for row in rows], [row["most"] for row in rows], color=colour, alpha=0.15,
                              linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    ticks = sorted({row["connections"] for result in sweeps for row in rows_of(result)} |
                   {point["connections"] for series in log["series"] for point in series["points"]})
    axes.set_xticks(ticks)
    axes.set_xticklabels([str(tick) for tick in ticks])
    axes.minorticks_off()
    low, high = axes.get_ylim()
    axes.set_yticks([step * 10 ** power for power in range(8) for step in (1, 2, 5) if low <= step * 10 ** power <= high])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(color="#dddddd", linewidth=0.6)


# ---- the page ----

def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value, digits=0):
    return "" if value is None else f"{value:,.{digits}f}"


def about(result):
    machine, git = result["machine"], result["git"]
    options = result["build"]["options"]
    flags = ", ".join(f"{name}={options[name]}" for name in sorted(options) if options[name] not in ([], "", None))
    counters = machine["hardware_counters"]
    return "\n".join([
        f"- machine: {machine['processor']}, {machine['cores']} cores, Linux {machine['kernel']}, {machine['architecture']}; load "
        f"when it was over {machine['load']:.1f}",
        f"- revision: {(git['revision'] or 'unknown')[:12]}{' with changes' if git['changed'] else ''}; build: {flags or 'unknown'}",
        f"- server on core {result['cores']['server']}, client on core {result['cores']['client']}; {result['rounds']} rounds of "
        f"{result['seconds']:g} s each; began {result['began']}",
        f"- hardware counters: {counters if isinstance(counters, str) else ', '.join(counters)}", ""])


def sweep_section(result):
    shown = rows_of(result)
    batched = any(row["queries_per_oracle_call"] for row in shown)
    rows = [[str(row["connections"]), number(row["queries_per_second"]), f"{number(row['least'])} ... {number(row['most'])}",
             number(row["mean_us"], 1), number(row["p50_us"], 1), number(row["p99_us"], 1),
             number(row["server_cpu_us_per_query"], 2), number(row["client_cpu_us_per_query"], 2)]
            + ([number(row["queries_per_oracle_call"], 1)] if batched else []) for row in shown]
    bad = [(point, check) for point in result["points"] for check in point.get("churn", ()) if not check["ok"]]
    looked = any("churn" in point for point in result["points"])
    lines = [f"### {result['label']}", "", f"`{result['setting']['query']}`", "",
             table(["connections", "queries/s", "least ... most", "mean us", "p50 us", "p99 us", "server CPU us", "client CPU us"]
                   + (["queries per oracle call"] if batched else []), rows)]
    if looked and not bad:
        lines.append("Churn checks (sessions begun and ended, tables written): all hold.\n")
    for point, check in bad:
        lines.append(f"**Churn at {point['connections']} connections**: {check['what']} changed by {check['measured']:g}, expected "
                     f"{check['expected']}.\n")
    return "\n".join(lines)


def spread(values):
    return f"{min(values):.2f} ... {max(values):.2f}" if values else ""


def matrix_section(result):
    rows, missing = [], []
    for row in result["rows"]:
        if "problem" in row:
            missing.append(f"- {row['name']}: {row['problem']}")
            continue
        cpu = row["cpu_ratios"]
        rows.append([row["name"], row["load"], f"**{statistics.median(row['ratios']):.2f}**", spread(row["ratios"]),
                     f"{statistics.median(row['latency_ratios']):.2f}" if row["latency_ratios"] else "",
                     f"{statistics.median(cpu):.2f}" if cpu else "", row["published"]])
    lines = ["## One thing changed at a time", "",
             "Queries/s as a ratio to the default, which is measured in turn with each; medians of the rounds' ratios. Above 1 is faster. "
             "Latency (p50) and the server's CPU time per query are ratios, too: below 1 is better.", "",
             table(["changed", "load", "queries/s", "least ... most", "p50", "CPU", "the published log"], rows)]
    if missing:
        lines += ["Not measured:", "", *missing, ""]
    lines += histogram_lines(result["micro_ns"]) + timestamp_lines(result["micro_ns"])
    lines += ["What the log took away one by one and was never here, so that there is nothing to switch:", "",
              *[f"- {one}" for one in result["by_construction"]], ""]
    return "\n".join(lines)


def histogram_lines(nanoseconds):
    """What recording a value costs, from {"own/real_time/threads:2": ns, ...}, as a table; nothing where it was not built."""
    rows = {}
    for name, value in nanoseconds.items():
        kind, _, threads = name.partition("/real_time/threads:")
        if threads:
            rows.setdefault(threads, {})[kind] = value
    if not rows:
        return []
    return ["Recording a value in a histogram, nanoseconds (`micro_histogram`):", "",
            table(["threads", "each core its own", "one for all, three atomics"],
                  [[threads, number(row.get("own"), 1), number(row.get("shared"), 1)] for threads, row in sorted(rows.items())])]


def timestamp_lines(nanoseconds):
    """What a statement's read timestamp costs, from {"read_timestamp/connections:64/writer:0/real_time": ns of a turn}."""
    rows = {}
    for name, value in nanoseconds.items():
        if found := re.match(r"read_timestamp/connections:(\d+)/writer:([01])", name):
            rows.setdefault(int(found[1]), {})[found[2]] = value / int(found[1])
    if not rows:
        return []
    return ["A read timestamp of the local oracle, nanoseconds for each statement (`micro_seqlock`):", "",
            table(["connections", "alone", "beside a writer"],
                  [[str(count), number(row.get("0"), 1), number(row.get("1"), 1)] for count, row in sorted(rows.items())])]


def page(results, log, images):
    sweeps = [one for one in results if one["kind"] == "sweep"]
    matrices = [one for one in results if one["kind"] == "matrix"]
    lines = ["# Gyre, measured", ""]
    if results:
        lines += [about(results[-1]),
                  "Figures of one machine at one hour; what carries over is ratios within one run. Lines in grey are the published "
                  "log's.", ""]
    lines += [f"![{name[:-4]} over connections]({name})\n" for name in images]
    if not images and sweeps:
        lines += ["(No plots: python3-matplotlib is not installed.)", ""]
    if sweeps:
        lines += ["## Over connections", ""] + [sweep_section(one) for one in sweeps]
        lines += ["### The published log", "", log["source"], "", published_table(log)]
    lines += [matrix_section(one) for one in matrices]
    return "\n".join(lines)


def published_table(log):
    counts = sorted({point["connections"] for series in log["series"] for point in series["points"]})
    rows = []
    for series in log["series"]:
        by_count = {point["connections"]: point for point in series["points"]}
        rows.append([f"{series['label']}, `{series['query']}`"] +
                    [number(by_count.get(count, {}).get("queries_per_second")) for count in counts])
    return table(["queries/s"] + [str(count) for count in counts], rows)


def write(directory):
    """Makes report.md and the plots anew; returns the page's path."""
    results, log = load(directory), published()
    sweeps = [one for one in results if one["kind"] == "sweep"]
    images = plots(directory, sweeps, log) if sweeps else []
    path = os.path.join(directory, "report.md")
    with open(path, "w") as file:
        file.write(page(results, log, images))
    return path
