#include "tests/http/exposition.h"

#include <cstdlib>
#include <limits>
#include <set>

namespace gyre::test {

namespace {

bool is_name(std::string_view text, bool colons) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') && c != '_' && !(colons && c == ':')) return false;
  }
  return true;
}

class Reader {
 public:
  explicit Reader(std::string_view line) : rest_(line) {}

  std::string_view take_until(std::string_view stops) {
    const std::size_t end = std::min(rest_.find_first_of(stops), rest_.size());
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return taken;
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // What stands between quotes, with its escapes undone.
  bool take_quoted(std::string& value) {
    if (!take('"')) return false;
    while (!rest_.empty() && rest_.front() != '"') {
      if (take('\\')) {
        if (rest_.empty()) return false;
        const char c = rest_.front();
        if (c != 'n' && c != '\\' && c != '"') return false;
        value += c == 'n' ? '\n' : c;
      } else {
        value += rest_.front();
      }
      rest_.remove_prefix(1);
    }
    return take('"');
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

bool read_labels(Reader& reader, Sample& sample) {
  while (!reader.take('}')) {
    const std::string name(reader.take_until("="));
    std::string value;
    if (!is_name(name, false) || !reader.take('=') || !reader.take_quoted(value)) return false;
    if (!sample.labels.emplace(name, value).second) return false;
    if (!reader.take(',') && !reader.rest().starts_with('}')) return false;
  }
  return true;
}

bool read_sample(std::string_view line, Sample& sample) {
  Reader reader(line);
  sample.name = reader.take_until("{ ");
  if (!is_name(sample.name, true)) return false;
  if (reader.take('{') && !read_labels(reader, sample)) return false;
  if (!reader.take(' ') || reader.rest().empty()) return false;
  const std::string number(reader.rest());
  char* end = nullptr;
  sample.value = std::strtod(number.c_str(), &end);
  return *end == '\0';
}

std::string without(std::string_view name, std::string_view suffix) {
  return std::string(name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size())
                                            : std::string_view());
}

// The family that a sample belongs to; empty where there is none.
std::string family_of(const Exposition& page, const std::string& name) {
  if (page.families.contains(name)) return page.families.at(name).type == "histogram" ? "" : name;
  for (const char* suffix : {"_bucket", "_sum", "_count"}) {
    const std::string base = without(name, suffix);
    if (page.families.contains(base) && page.families.at(base).type == "histogram") return base;
  }
  return "";
}

void check_histogram(Exposition& page, const std::string& name, const Family& family) {
  struct Series {
    double last_bound = -std::numeric_limits<double>::infinity(), last_count = 0, infinite = -1, count = -2;
    bool sum = false;
  };
  std::map<std::map<std::string, std::string>, Series> all;
  for (const Sample& sample : family.samples) {
    auto labels = sample.labels;
    labels.erase("le");
    Series& series = all[labels];
    if (sample.name == name + "_bucket") {
      if (!sample.labels.contains("le")) {
        page.errors.push_back(name + ": bucket without le");
        continue;
      }
      const double bound = std::strtod(sample.labels.at("le").c_str(), nullptr);
      if (!(bound > series.last_bound)) page.errors.push_back(name + ": bounds do not rise");
      if (sample.value < series.last_count) page.errors.push_back(name + ": counts fall");
      series.last_bound = bound;
      series.last_count = sample.value;
      if (sample.labels.at("le") == "+Inf") series.infinite = sample.value;
    } else if (sample.name == name + "_count") {
      series.count = sample.value;
    } else {
      series.sum = true;
    }
  }
  for (const auto& [labels, series] : all)
    if (series.infinite != series.count || !series.sum) page.errors.push_back(name + ": incomplete");
}

// As promtool's linter has it: counters end in _total (gauges must not), every family has help and samples.
void check_family(Exposition& page, const std::string& name, const Family& family) {
  const bool total = name.ends_with("_total");
  if (family.type == "counter" && !total) page.errors.push_back(name + ": counter without _total");
  const bool untyped = family.type == "untyped";
  if (family.type != "counter" && !untyped && total) page.errors.push_back(name + ": _total on no counter");
  if (family.type != "counter" && family.type != "gauge" && family.type != "histogram" && !untyped)
    page.errors.push_back(name + ": type " + family.type);
  if (family.help.empty()) page.errors.push_back(name + ": no help");
  if (family.samples.empty()) page.errors.push_back(name + ": no samples");
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen;
  for (const Sample& sample : family.samples)
    if (!seen.emplace(sample.name, sample.labels).second)
      page.errors.push_back(name + ": sample given twice");
  if (family.type == "histogram") check_histogram(page, name, family);
}

}  // namespace

double Exposition::value(const std::string& name, const std::map<std::string, std::string>& labels) {
  for (const auto& [family_name, family] : families)
    for (const Sample& sample : family.samples)
      if (sample.name == name && sample.labels == labels) return sample.value;
  errors.push_back("no sample " + name);
  return -1;
}

Exposition read_exposition(std::string_view text) {
  Exposition page;
  std::string open;  // the family whose lines these are: families do not interleave
  if (!text.ends_with('\n')) page.errors.push_back("last line without end");
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end, text.size() - 1) + 1);
    if (line.starts_with("# ")) {
      Reader reader(line.substr(2));
      const std::string keyword(reader.take_until(" "));
      reader.take(' ');
      const std::string name(reader.take_until(" "));
      reader.take(' ');
      Family& family = page.families[name];
      std::string& field = keyword == "HELP" ? family.help : family.type;
      if ((keyword != "HELP" && keyword != "TYPE") || !field.empty() || !family.samples.empty())
        page.errors.push_back("misplaced: " + std::string(line));
      field = reader.rest();
      open = name;
      continue;
    }
    Sample sample;
    if (!read_sample(line, sample)) {
      page.errors.push_back("malformed: " + std::string(line));
      continue;
    }
    const std::string family = family_of(page, sample.name);
    if (family.empty() || family != open)
      page.errors.push_back("outside its family: " + std::string(line));
    else
      page.families[family].samples.push_back(sample);
  }
  for (const auto& [name, family] : std::map(page.families)) check_family(page, name, family);
  return page;
}

}  // namespace gyre::test
