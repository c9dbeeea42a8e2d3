#include "perf/bench/workload.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <utility>

namespace gyre::perf {

namespace {

using Problem = std::optional<std::string>;  // none: all is well

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// A semicolon outside quotes begins a comment.
std::string_view without_comment(std::string_view line) {
  if (!line.empty() && line[0] == '#') return {};
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      if (line[i] == quote) quote = 0;
    } else if (line[i] == '\'' || line[i] == '"') {
      quote = line[i];
    } else if (line[i] == ';') {
      return line.substr(0, i);
    }
  }
  return line;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// "\t" with its quotes, or the bare character.
std::optional<char> parse_delimiter(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  if (text == "\\t") return '\t';
  if (text.size() == 1) return text[0];
  return std::nullopt;
}

Result<std::string, std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Unexpected{"cannot read " + path};
  return std::string(std::istreambuf_iterator<char>(file), {});
}

class Parser {
 public:
  explicit Parser(const std::string& directory) : directory_(directory) {}

  Result<Workload, std::string> parse(std::string_view text);

 private:
  // What a job needs from lines that may come in any order.
  struct PendingJob {
    std::string arguments_file;
    char delimiter = ',';
  };

  Problem take_line(std::string_view line);
  Problem take_section(std::string_view name);
  Problem take_global(std::string_view key, std::string_view value);
  Problem take_statements(std::vector<std::string>& statements, std::string_view key, std::string_view value);
  Problem take_job(Job& job, std::string_view key, std::string_view value);
  Problem finish_job();
  std::string path_of(std::string_view name) const {
    if (!name.empty() && name[0] == '/') return std::string(name);
    return directory_ + "/" + std::string(name);
  }

  enum class Section : std::uint8_t { global, setup, teardown, job };

  const std::string& directory_;
  Workload workload_;
  Section section_ = Section::global;
  PendingJob pending_;
};

Result<Workload, std::string> Parser::parse(std::string_view text) {
  std::size_t number = 0;
  std::string line;
  const auto complain = [&](const std::string& problem) {
    return Unexpected<std::string>{"line " + std::to_string(number) + ": " + problem};
  };
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    std::string_view piece = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!piece.empty() && piece.back() == '\r') piece.remove_suffix(1);
    const bool goes_on = !piece.empty() && piece.back() == '\\';
    if (goes_on) piece.remove_suffix(1);
    line += piece;
    if (goes_on && !text.empty()) {
      line += ' ';
      continue;
    }
    if (const Problem problem = take_line(trim(without_comment(line)))) return complain(*problem);
    line.clear();
  }
  if (const Problem problem = finish_job()) return complain(*problem);
  if (workload_.jobs.empty()) return complain("there is no job: a section with a query");
  return std::move(workload_);
}

Problem Parser::take_line(std::string_view line) {
  if (line.empty()) return {};
  if (line.front() == '[') {
    if (line.back() != ']') return "a section ends with ]";
    return take_section(trim(line.substr(1, line.size() - 2)));
  }
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return "neither [section] nor key=value: " + std::string(line);
  const std::string_view key = trim(line.substr(0, equals));
  const std::string_view value = trim(line.substr(equals + 1));
  switch (section_) {
    case Section::global:
      return take_global(key, value);
    case Section::setup:
      return take_statements(workload_.setup, key, value);
    case Section::teardown:
      return take_statements(workload_.teardown, key, value);
    case Section::job:
      return take_job(workload_.jobs.back(), key, value);
  }
  return {};
}

Problem Parser::take_section(std::string_view name) {
  if (const Problem problem = finish_job()) return problem;
  if (name.empty()) return "a section without a name";
  section_ = name == "setup" ? Section::setup : name == "teardown" ? Section::teardown : Section::job;
  if (section_ != Section::job) return {};
  pending_ = {};
  workload_.jobs.emplace_back();
  workload_.jobs.back().name = name;
  return {};
}

Problem Parser::take_global(std::string_view key, std::string_view value) {
  if (key == "error") {
    workload_.accepted_errors.emplace_back(value);
    return {};
  }
  if (key != "duration") return "unknown key before the first section: " + std::string(key);
  const auto duration = parse_duration(value);
  if (!duration) return "not a duration: " + std::string(value);
  workload_.duration_ns = *duration;
  return {};
}

Problem Parser::take_statements(std::vector<std::string>& statements, std::string_view key,
                                std::string_view value) {
  if (key == "query") {
    statements.emplace_back(value);
    return {};
  }
  if (key != "query-file") return "unknown key: " + std::string(key);
  auto text = read_file(path_of(value));
  if (!text) return text.error();
  for (std::string& statement : split_statements(*text)) statements.push_back(std::move(statement));
  return {};
}

Problem Parser::take_job(Job& job, std::string_view key, std::string_view value) {
  const auto number = [&](auto& into) -> Problem {
    if (parse_number(value, into) && into > 0) return {};
    return std::string(key) + " wants a positive number, not " + std::string(value);
  };
  const auto time = [&](std::uint64_t& into) -> Problem {
    const auto duration = parse_duration(value);
    if (!duration) return "not a duration: " + std::string(value);
    into = *duration;
    return {};
  };
  if (key == "query" || key == "query-file") return take_statements(job.queries, key, value);
  if (key == "concurrency" || key == "queue-depth") return number(job.concurrency);
  if (key == "rate") return number(job.rate);
  if (key == "batch-size") return number(job.batch_size);
  if (key == "count") return number(job.count);
  if (key == "start") return time(job.start_ns);
  if (key == "stop") return time(job.stop_ns);
  if (key == "query-args-file") {
    pending_.arguments_file = value;
    return {};
  }
  if (key == "query-args-delim" || key == "query-args-delimiter") {
    const auto delimiter = parse_delimiter(value);
    if (!delimiter) return "not one character: " + std::string(value);
    pending_.delimiter = *delimiter;
    return {};
  }
  if (key == "query-args-random") {
    while (!value.empty()) {
      const std::size_t comma = value.find(',');
      const auto range = parse_range(trim(value.substr(0, comma)));
      if (!range) return "query-args-random wants low:high or +low:high, separated by commas";
      job.random_arguments.push_back(*range);
      value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    }
    return {};
  }
  if (key == "multi-query-mode" && value == "multi-connection") return {};
  return "unknown key: " + std::string(key);
}

Problem Parser::finish_job() {
  if (section_ != Section::job) return {};
  Job& job = workload_.jobs.back();
  const auto complain = [&](const char* what) { return "job [" + job.name + "] " + what; };
  if (job.queries.empty()) return complain("has no query");
  if (job.rate > 0 && job.concurrency > 0) return complain("has both a rate and a concurrency");
  if (job.rate == 0 && job.batch_size > 1) return complain("has a batch-size without a rate");
  if (job.stop_ns <= job.start_ns) return complain("stops before it starts");
  if (!pending_.arguments_file.empty()) {
    if (!job.random_arguments.empty()) return complain("has two sources of arguments");
    auto text = read_file(path_of(pending_.arguments_file));
    if (!text) return text.error();
    auto rows = parse_csv(*text, pending_.delimiter);
    if (!rows) return rows.error();
    if (rows->empty()) return complain("has an empty query-args-file");
    job.argument_rows = std::move(*rows);
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> parse_duration(std::string_view text) {
  if (text == "0") return 0;
  double total = 0;
  bool any = false;
  while (!text.empty()) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || value < 0) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::size_t unit_end = text.find_first_of("0123456789.");
    const std::string_view unit = text.substr(0, unit_end);
    text.remove_prefix(unit.size());
    const double nanoseconds = unit == "ns"   ? 1
                               : unit == "us" ? 1e3
                               : unit == "ms" ? 1e6
                               : unit == "s"  ? 1e9
                               : unit == "m"  ? 60e9
                               : unit == "h"  ? 3600e9
                                              : 0;
    if (nanoseconds == 0) return std::nullopt;
    total += value * nanoseconds;
    any = true;
  }
  if (!any || total > 1e18) return std::nullopt;
  return static_cast<std::uint64_t>(total + 0.5);
}

std::optional<IntegerRange> parse_range(std::string_view text) {
  IntegerRange range;
  if (!text.empty() && text[0] == '+') {
    range.sequential = true;
    text.remove_prefix(1);
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  if (!parse_number(text.substr(0, colon), range.low) || !parse_number(text.substr(colon + 1), range.high))
    return std::nullopt;
  if (range.high < range.low) return std::nullopt;
  return range;
}

std::vector<std::string> split_statements(std::string_view text) {
  std::vector<std::string> statements;
  const auto add = [&](std::string_view statement) {
    statement = trim(statement);
    if (!statement.empty()) statements.emplace_back(statement);
  };
  char quote = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quote != 0) {
      if (text[i] == quote) quote = 0;
    } else if (text[i] == '\'' || text[i] == '"') {
      quote = text[i];
    } else if (text[i] == ';') {
      add(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  add(text.substr(begin));
  return statements;
}

Result<std::vector<CsvRow>, std::string> parse_csv(std::string_view text, char delimiter) {
  std::vector<CsvRow> rows;
  std::size_t at = 0;
  while (at < text.size()) {
    CsvRow row;
    for (bool more = true; more;) {
      std::string field;
      const bool quoted = at < text.size() && text[at] == '"';
      if (quoted) {
        for (++at;; ++at) {
          if (at >= text.size()) return Unexpected<std::string>{"a quoted CSV field has no end"};
          if (text[at] == '"' && (at + 1 >= text.size() || text[at + 1] != '"')) break;
          if (text[at] == '"') ++at;
          field += text[at];
        }
        ++at;
      }
      while (at < text.size() && text[at] != delimiter && text[at] != '\n') field += text[at++];
      if (!field.empty() && field.back() == '\r' && (at >= text.size() || text[at] == '\n')) field.pop_back();
      more = at < text.size() && text[at] == delimiter;
      if (at < text.size()) ++at;
      if (!quoted && field == "\\N") {
        row.emplace_back(std::nullopt);
      } else {
        row.emplace_back(std::move(field));
      }
    }
    if (row.size() == 1 && row[0] && row[0]->empty()) continue;  // an empty line
    if (!rows.empty() && row.size() != rows[0].size())
      return Unexpected<std::string>{"CSV row " + std::to_string(rows.size() + 1) + " has " +
                                     std::to_string(row.size()) + " columns, the first has " +
                                     std::to_string(rows[0].size())};
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<Workload, std::string> parse_workload(std::string_view text, const std::string& directory) {
  return Parser(directory).parse(text);
}

Result<Workload, std::string> load_workload(const std::string& path) {
  auto text = read_file(path);
  if (!text) return Unexpected{text.error()};
  const std::size_t slash = path.rfind('/');
  auto workload = parse_workload(*text, slash == std::string::npos ? "." : path.substr(0, slash));
  if (!workload) return Unexpected{path + ": " + workload.error()};
  return workload;
}

}  // namespace gyre::perf
