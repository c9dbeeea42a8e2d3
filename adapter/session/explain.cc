// EXPLAIN: the plan; with ANALYZE also what running it came to, node by node and phase by phase; and EXPLAIN
// TIMESTAMP, as of when a query would read.
//
// ANALYZE runs the statement as it would be run without, on whatever core that is, and throws its rows away
// when they have been encoded. What is measured is written by who runs it (adapter/exec/meter.h).
#include <fmt/format.h>

#include <ctime>

#include "adapter/exec/meter.h"
#include "adapter/history/log_lines.h"
#include "adapter/plan/physical.h"
#include "adapter/session/session.h"

namespace gyre::adapter {

namespace {

constexpr std::string_view kFastPath = "Fast path: rows are encoded as they lie in the tree";

double milliseconds(const SpanClock& clock, std::uint64_t ticks) {
  return static_cast<double>(clock.nanoseconds(0, ticks)) / 1e6;
}

// A JSON document, indented as PostgreSQL's EXPLAIN has it.
class Json {
 public:
  void open(std::string_view name, char bracket) {
    item(name);
    text_ += bracket;
    ++depth_;
    fresh_ = true;
  }
  void close(char bracket) {
    --depth_;
    if (!fresh_) line();
    text_ += bracket;
    fresh_ = false;
  }
  void text(std::string_view name, std::string_view value) {
    item(name);
    append_json_text(value, text_);
  }
  void bare(std::string_view name, std::string_view value) {
    item(name);
    text_ += value;
  }
  void number(std::string_view name, double value) { bare(name, fmt::format("{:.3f}", value)); }
  void number(std::string_view name, std::uint64_t value) { bare(name, std::to_string(value)); }
  const std::string& done() const { return text_; }

 private:
  void line() { text_ += '\n' + std::string(2 * depth_, ' '); }
  void item(std::string_view name) {
    if (!fresh_) text_ += ',';
    if (depth_ != 0) line();
    fresh_ = false;
    if (name.empty()) return;
    append_json_text(name, text_);
    text_ += ": ";
  }
  std::string text_;
  std::size_t depth_ = 0;
  bool fresh_ = true;
};

// "1700000000000000 (2023-11-14 22:13:20.000000)"
std::string timestamp_text(std::uint64_t timestamp) {
  const auto unix_us = static_cast<std::int64_t>(timestamp);
  const std::time_t seconds = unix_us / 1'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{} ({:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:06})", timestamp, parts.tm_year + 1900,
                     parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     unix_us % 1'000'000);
}

}  // namespace

// What an execution came to.
struct Analysis {
  ExecutionMeter meter;
  std::uint64_t total_ticks = 0;
  std::uint64_t rows = 0;
};

namespace {

// The plan, and what is known of its execution, as text or JSON.
class PlanPrinter {
 public:
  PlanPrinter(const ast::ExplainStatement& command, const SpanClock& clock, const Plan& plan,
              const Analysis* analysis)
      : command_(command), clock_(clock), plan_(plan), analysis_(analysis) {}

  std::string as_text(std::uint64_t parse_ticks) {
    std::string text;
    if (plan_.direct != nullptr) text += std::string(kFastPath) + fast_path_actuals() + "\n";
    print(*plan_.root, 0, text);
    if (analysis_ != nullptr && command_.summary) {
      text += "Phases:\n";
      for (const auto& [name, ticks] : phases(parse_ticks))
        text += fmt::format("  {}: {:.3f} ms\n", name, milliseconds(clock_, ticks));
    }
    if (command_.summary)
      text += fmt::format("Planning Time: {:.3f} ms\n", milliseconds(clock_, plan_.bind_ticks + plan_.plan_ticks));
    if (analysis_ != nullptr && command_.summary)
      text += fmt::format("Execution Time: {:.3f} ms\n", milliseconds(clock_, analysis_->total_ticks));
    return text;
  }

  std::string as_json(std::uint64_t parse_ticks) {
    json_.open("", '[');
    json_.open("", '{');
    json_.bare("Fast Path", plan_.direct != nullptr ? "true" : "false");
    if (analysis_ != nullptr && plan_.direct != nullptr) json_.number("Actual Rows", analysis_->rows);
    node("Plan", *plan_.root);
    if (analysis_ != nullptr && command_.summary) {
      json_.open("Phases", '{');
      for (const auto& [name, ticks] : phases(parse_ticks)) json_.number(name, milliseconds(clock_, ticks));
      json_.close('}');
    }
    if (command_.summary)
      json_.number("Planning Time", milliseconds(clock_, plan_.bind_ticks + plan_.plan_ticks));
    if (analysis_ != nullptr && command_.summary)
      json_.number("Execution Time", milliseconds(clock_, analysis_->total_ticks));
    json_.close('}');
    json_.close(']');
    return json_.done() + "\n";
  }

 private:
  // Where the time went; "wait" is for the oracle core, for others and for the log.
  std::vector<std::pair<std::string_view, std::uint64_t>> phases(std::uint64_t parse_ticks) const {
    const ExecutionMeter& meter = analysis_->meter;
    const auto less = [](std::uint64_t from, std::uint64_t what) { return from > what ? from - what : 0; };
    return {{"parse", parse_ticks},
            {"bind", plan_.bind_ticks},
            {"plan", plan_.plan_ticks},
            {"timestamp", meter.snapshot_ticks},
            {"read", less(meter.run_ticks, meter.encode_ticks)},
            {"encode", meter.encode_ticks},
            {"wait", less(analysis_->total_ticks, meter.snapshot_ticks + meter.run_ticks)}};
  }
  const ExecutionMeter::Node* measured(const physical::Node& node) const {
    if (analysis_ == nullptr) return nullptr;
    const auto found = analysis_->meter.nodes.find(&node);
    return found == analysis_->meter.nodes.end() ? nullptr : &found->second;
  }
  std::string actuals(std::uint64_t ticks, std::uint64_t rows, std::uint64_t loops) const {
    if (!command_.timing) return fmt::format("  (actual rows={} loops={})", rows, loops);
    return fmt::format("  (actual time={:.3f} rows={} loops={})", milliseconds(clock_, ticks), rows, loops);
  }
  std::string fast_path_actuals() const {
    return analysis_ == nullptr ? std::string() : actuals(analysis_->meter.run_ticks, analysis_->rows, 1);
  }
  void print(const physical::Node& node, std::size_t depth, std::string& text) const {
    text += std::string(2 * depth, ' ') + physical::print_node(node);
    if (const auto* figures = measured(node)) text += actuals(figures->ticks, figures->rows, figures->loops);
    // (Of a fast path no node is run.)
    else if (analysis_ != nullptr && plan_.direct == nullptr)
      text += "  (never executed)";
    text += "\n";
    for (const physical::NodePtr& input : node.inputs) print(*input, depth + 1, text);
  }
  void node(std::string_view name, const physical::Node& node) {
    json_.open(name, '{');
    json_.text("Node Type", physical::node_type(node.kind));
    json_.text("Detail", physical::print_node(node));
    if (node.kind == physical::Kind::table_scan)
      json_.text("Relation Name", static_cast<const physical::TableScan&>(node).table->name());
    if (const auto* figures = measured(node)) {
      if (command_.timing) json_.number("Actual Total Time", milliseconds(clock_, figures->ticks));
      json_.number("Actual Rows", figures->rows);
      json_.number("Actual Loops", figures->loops);
    }
    if (!node.inputs.empty()) {
      json_.open("Plans", '[');
      for (const physical::NodePtr& input : node.inputs) this->node("", *input);
      json_.close(']');
    }
    json_.close('}');
  }

  const ast::ExplainStatement& command_;
  const SpanClock& clock_;
  const Plan& plan_;
  const Analysis* const analysis_;
  Json json_;
};

}  // namespace

reactor::Co<void> Session::run_explain(const ast::ExplainStatement& command, StatementRef whole,
                                       Describe describe) {
  using Explain = ast::ExplainStatement;
  core_.plans.clear_literals();
  refresh_environment();
  const StatementRef planned(plan_tree(*command.statement, catalog(), {}, false).release());
  if (planned->plan == nullptr) throw SqlError("0A000", "only planned statements can be explained");
  const bool json = command.format == Explain::Format::json;
  std::string text;
  if (command.subject == Explain::Subject::timestamp) {
    text = explain_timestamp(command, *planned->plan);
  } else if (!command.analyze) {
    PlanPrinter printer(command, core_.span_clock, *planned->plan, nullptr);
    text = json ? printer.as_json(0) : printer.as_text(0);
  } else {
    if (!planned->plan->parameter_types.empty()) throw SqlError("42P02", "there is no parameter $1");
    Analysis analysis;
    Portal portal;
    portal.source =
        std::make_shared<StatementSource>(whole, *command.statement, std::vector<storage::Type>());
    portal.bind(planned, {}, {}, {}, settings_.style());
    portal.discards = true;
    portal.meter = &analysis.meter;
    const std::uint64_t begin = SpanClock::ticks();
    co_await run_portal(portal, 0);
    analysis.total_ticks = SpanClock::ticks() - begin;
    analysis.rows = portal.rows();
    PlanPrinter printer(command, core_.span_clock, *portal.plan(), &analysis);
    text = json ? printer.as_json(whole->parse_ticks) : printer.as_text(whole->parse_ticks);
  }
  if (describe == Describe::yes) {
    const std::vector<OutputColumn> columns = explain_columns(command);
    RowEncoder(columns, {}).describe(columns, out_);
  }
  const auto append_row = [this](std::string_view line) {
    const std::size_t row = pgwire::begin_data_row(out_, 1);
    pgwire::append_value(out_, line);
    pgwire::end_data_row(out_, row);
  };
  if (text.ends_with('\n')) text.pop_back();
  if (json) append_row(text);
  for (std::size_t at = 0; !json && at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    append_row(std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  pgwire::command_complete(out_, "EXPLAIN");
}

std::vector<OutputColumn> Session::explain_columns(const ast::ExplainStatement& command) const {
  OutputColumn column;
  column.name = command.subject == ast::ExplainStatement::Subject::timestamp ? "Timestamp" : "QUERY PLAN";
  column.type = storage::Type(storage::TypeId::text);
  return {std::move(column)};
}

// A statement reads the newest state that is published when it is taken up, a block's the one of its first.
// Tables keep no history for new readers: the oldest timestamp that they can be read at is the newest.
std::string Session::explain_timestamp(const ast::ExplainStatement& command, const Plan& plan) {
  const bool in_block = transaction_.status == pgwire::TransactionStatus::in_transaction;
  const oracle::Publication read = newest();
  const std::uint64_t oracle_ts = core_.published.load().read_ts.value;
  const std::uint64_t query_ts = read.read_ts.value;
  const std::string_view determination =
      transaction_.snapshot && in_block ? "snapshot of the transaction" : "newest published state";
  std::vector<std::string> names;
  const Catalog& where = *static_cast<const Catalog*>(read.catalog);
  for (const RelationId id : plan.relations)
    if (const auto table = where.table(id); table != nullptr)
      names.push_back(fmt::format("{}.{}.{} (u{}, table)", database_, table->schema_name, table->name(), id.value));
  if (command.format == ast::ExplainStatement::Format::json) {
    Json json;
    json.open("", '{');
    json.open("determination", '{');
    json.text("kind", determination);
    json.number("timestamp", query_ts);
    json.number("oracle_read_ts", oracle_ts);
    json.number("since", query_ts);
    json.number("upper", oracle_ts + 1);
    json.number("largest_not_in_advance_of_upper", oracle_ts);
    json.close('}');
    json.text("isolation", settings_.show("transaction_isolation"));
    json.bare("respond_immediately", "true");
    json.open("sources", '[');
    for (const std::string& name : names) {
      json.open("", '{');
      json.text("name", name);
      json.bare("read_frontier", fmt::format("[{}]", query_ts));
      json.bare("write_frontier", fmt::format("[{}]", oracle_ts + 1));
      json.close('}');
    }
    json.close(']');
    json.close('}');
    return json.done() + "\n";
  }
  std::string text;
  const auto line = [&text](std::string_view label, std::string_view value) {
    text += fmt::format("{:>32}: {}\n", label, value);
  };
  line("query timestamp", timestamp_text(query_ts));
  line("oracle read timestamp", timestamp_text(oracle_ts));
  line("largest not in advance of upper", timestamp_text(oracle_ts));
  line("upper", fmt::format("[{}]", timestamp_text(oracle_ts + 1)));
  line("since", fmt::format("[{}]", timestamp_text(query_ts)));
  line("determination", determination);
  line("isolation", settings_.show("transaction_isolation"));
  line("can respond immediately", "true");
  for (const std::string& name : names) {
    text += fmt::format("source {}:\n", name);
    line("read frontier", fmt::format("[{}]", timestamp_text(query_ts)));
    line("write frontier", fmt::format("[{}]", timestamp_text(oracle_ts + 1)));
  }
  return text;
}

}  // namespace gyre::adapter
