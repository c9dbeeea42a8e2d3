// EXPLAIN: the plan; with ANALYZE also what running it came to, node by node and phase by phase; and EXPLAIN
// TIMESTAMP, as of when a query would read.
//
// ANALYZE runs the statement as it would be run without, on whatever core that is, and throws its rows away
// when they have been encoded. What is measured is written by who runs it (adapter/exec/meter.h).
//
// Of an EXECUTE the prepared statement's plan is shown, with the values that it is given; nothing of it is
// planned again, so "bind" is the time in which it was looked up and its arguments evaluated.
//
// By the extended protocol EXPLAIN has the parameters of what is explained. Their types are settled by Parse.
#include <fmt/format.h>

#include <ctime>

#include "adapter/exec/meter.h"
#include "adapter/plan/physical.h"
#include "adapter/session/session.h"
#include "reactor/base/json_writer.h"

namespace gyre::adapter {

namespace {

constexpr std::string_view kFastPath = "Fast path: rows are encoded as they lie in the tree";

double milliseconds(const SpanClock& clock, std::uint64_t ticks) {
  return static_cast<double>(clock.nanoseconds(0, ticks)) / 1e6;
}

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

// What an execution came to.
struct Analysis {
  ExecutionMeter meter;
  std::uint64_t total_ticks = 0;
  std::uint64_t rows = 0;
};

// What came before it.
struct Preparation {
  std::uint64_t parse_ticks = 0, bind_ticks = 0, plan_ticks = 0;
};

// The plan, and what is known of its execution, as text or JSON.
class PlanPrinter {
 public:
  PlanPrinter(const ast::ExplainStatement& command, const SpanClock& clock, const Plan& plan,
              const Preparation& before, const Analysis* analysis)
      : command_(command), clock_(clock), plan_(plan), before_(before), analysis_(analysis) {}

  std::string print() {
    return command_.format == ast::ExplainStatement::Format::json ? as_json() : as_text();
  }

 private:
  std::string as_text() const {
    std::string text;
    if (plan_.direct != nullptr) text += std::string(kFastPath) + fast_path_actuals() + "\n";
    print(*plan_.root, 0, text);
    if (analysis_ != nullptr && command_.summary) {
      text += "Phases:\n";
      for (const auto& [name, ticks] : phases())
        text += fmt::format("  {}: {:.3f} ms\n", name, milliseconds(clock_, ticks));
    }
    if (command_.summary) text += fmt::format("Planning Time: {:.3f} ms\n", planning_ms());
    if (analysis_ != nullptr && command_.summary)
      text += fmt::format("Execution Time: {:.3f} ms\n", milliseconds(clock_, analysis_->total_ticks));
    return text;
  }

  std::string as_json() {
    json_.open('[');
    json_.open('{');
    json_.field("Fast Path", plan_.direct != nullptr);
    if (analysis_ != nullptr && plan_.direct != nullptr) json_.field("Actual Rows", analysis_->rows);
    json_.key("Plan");
    node(*plan_.root);
    if (analysis_ != nullptr && command_.summary) {
      json_.open("Phases", '{');
      for (const auto& [name, ticks] : phases()) json_.field(name, milliseconds(clock_, ticks));
      json_.close('}');
    }
    if (command_.summary) json_.field("Planning Time", planning_ms());
    if (analysis_ != nullptr && command_.summary)
      json_.field("Execution Time", milliseconds(clock_, analysis_->total_ticks));
    json_.close('}');
    json_.close(']');
    return json_.take();
  }

  double planning_ms() const { return milliseconds(clock_, before_.bind_ticks + before_.plan_ticks); }
  // Where the time went; "wait" is for the oracle core, for others and for the log.
  std::vector<std::pair<std::string_view, std::uint64_t>> phases() const {
    const ExecutionMeter& meter = analysis_->meter;
    const auto less = [](std::uint64_t from, std::uint64_t what) { return from > what ? from - what : 0; };
    return {{"parse", before_.parse_ticks},
            {"bind", before_.bind_ticks},
            {"plan", before_.plan_ticks},
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
  void node(const physical::Node& node) {
    json_.open('{');
    json_.field("Node Type", physical::node_type(node.kind));
    json_.field("Detail", physical::print_node(node));
    if (node.kind == physical::Kind::table_scan)
      json_.field("Relation Name", static_cast<const physical::TableScan&>(node).table->name());
    if (const auto* figures = measured(node)) {
      if (command_.timing) json_.field("Actual Total Time", milliseconds(clock_, figures->ticks));
      json_.field("Actual Rows", figures->rows);
      json_.field("Actual Loops", figures->loops);
    }
    if (!node.inputs.empty()) {
      json_.open("Plans", '[');
      for (const physical::NodePtr& input : node.inputs) this->node(*input);
      json_.close(']');
    }
    json_.close('}');
  }

  const ast::ExplainStatement& command_;
  const SpanClock& clock_;
  const Plan& plan_;
  const Preparation& before_;
  const Analysis* const analysis_;
  JsonWriter json_{JsonWriter::Layout::indented};
};

}  // namespace

reactor::Co<void> Session::run_explain(const ast::ExplainStatement& command, StatementRef whole,
                                       Describe describe, std::span<const storage::Type> types,
                                       std::span<const storage::Datum> given) {
  const bool takes_timestamp = command.subject == ast::ExplainStatement::Subject::timestamp;
  const bool executes = std::holds_alternative<ast::ExecuteStatement>(command.statement->node);
  Portal portal;
  const std::uint64_t begin = SpanClock::ticks();
  plan_explained(*command.statement, whole, types, given, portal);
  Preparation before{whole->parse_ticks, SpanClock::ticks() - begin, 0};
  if (portal.plan() == nullptr && takes_timestamp)
    throw SqlError("0A000", "only planned statements have a timestamp");
  if (portal.plan() == nullptr || takes_timestamp) {
    const std::string text = takes_timestamp ? explain_timestamp(command, *portal.plan())
                             : command.format == ast::ExplainStatement::Format::json
                                 ? "[\n  \"Utility Statement\"\n]"
                                 : "Utility statements have no plan structure";
    answer_explain(command, text, describe);
    co_return;
  }
  Analysis analysis;
  if (command.analyze) {
    portal.discards = true;
    portal.meter = &analysis.meter;
    const std::uint64_t start = SpanClock::ticks();
    co_await run_portal(portal, 0);
    analysis.total_ticks = SpanClock::ticks() - start;
    analysis.rows = portal.rows();
  }
  const Plan& plan = *portal.plan();
  if (!executes) {
    before.bind_ticks = plan.bind_ticks;
    before.plan_ticks = plan.plan_ticks;
  }
  PlanPrinter printer(command, core_.span_clock, plan, before, command.analyze ? &analysis : nullptr);
  answer_explain(command, printer.print(), describe);
}

// Makes the portal ready to run what is explained. A prepared statement that is not planned leaves it without
// a plan.
void Session::plan_explained(const ast::Statement& explained, StatementRef whole,
                             std::span<const storage::Type> types, std::span<const storage::Datum> given,
                             Portal& portal) {
  if (const auto* execute = std::get_if<ast::ExecuteStatement>(&explained.node)) {
    PreparedStatement& statement = prepared(execute->name);
    if (statement.statement->plan == nullptr)
      portal.bind(statement.statement, {}, {}, {}, settings_.style());
    else
      bind_sql_execute(*execute, statement, portal);
    return;
  }
  core_.plans.clear_literals();
  refresh_environment();
  const StatementRef planned(plan_tree(explained, catalog(), types, false).release());
  if (planned->plan == nullptr) throw SqlError("0A000", "only planned statements can be explained");
  if (planned->plan->parameter_types.size() > given.size()) throw SqlError("42P02", "there is no parameter $1");
  portal.source = std::make_shared<StatementSource>(std::move(whole), explained,
                                                    std::vector<storage::Type>(types.begin(), types.end()));
  portal.bind(planned, {given.begin(), given.end()}, {}, {}, settings_.style());
}

// As PostgreSQL does, Parse finds the errors of what is explained.
std::vector<storage::Type> Session::explained_types(const ast::ExplainStatement& command,
                                                    std::span<const storage::Type> declared) {
  refresh_environment();
  const auto planned = plan_tree(*command.statement, catalog(), declared, false);
  if (planned->plan == nullptr) return {};
  return planned->plan->parameter_types;
}

void Session::answer_explain(const ast::ExplainStatement& command, std::string_view text, Describe describe) {
  if (describe == Describe::yes) {
    const std::vector<OutputColumn> columns = explain_columns(command);
    RowEncoder(columns, {}).describe(columns, out_);
  }
  const auto append_row = [this](std::string_view line) {
    const std::size_t row = pgwire::begin_data_row(out_, 1);
    pgwire::append_value(out_, line);
    pgwire::end_data_row(out_, row);
  };
  if (text.ends_with('\n')) text.remove_suffix(1);
  const bool json = command.format == ast::ExplainStatement::Format::json;
  if (json) append_row(text);
  for (std::size_t at = 0; !json && at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    append_row(text.substr(at, end - at));
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
    JsonWriter json(JsonWriter::Layout::indented);
    json.open('{');
    json.open("determination", '{');
    json.field("kind", determination);
    json.field("timestamp", query_ts);
    json.field("oracle_read_ts", oracle_ts);
    json.field("since", query_ts);
    json.field("upper", oracle_ts + 1);
    json.field("largest_not_in_advance_of_upper", oracle_ts);
    json.close('}');
    json.field("isolation", settings_.show("transaction_isolation"));
    json.field("respond_immediately", true);
    json.open("sources", '[');
    const auto frontier = [&json](std::string_view name, std::uint64_t timestamp) {
      json.open(name, '[');
      json.value(timestamp);
      json.close(']');
    };
    for (const std::string& name : names) {
      json.open('{');
      json.field("name", name);
      frontier("read_frontier", query_ts);
      frontier("write_frontier", oracle_ts + 1);
      json.close('}');
    }
    json.close(']');
    json.close('}');
    return json.take();
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
