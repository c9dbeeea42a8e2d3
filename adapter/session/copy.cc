// COPY … FROM STDIN and … TO STDOUT: the messages of it, around a plan.
//
// COPY FROM converts rows on this core and sends them to the oracle core in batches, as calls of one
// transaction, with others' calls between them. So neither core is held up, and no more than a batch is in
// memory here; what has been inserted waits in the transaction's branch until all has come. An error, or a
// client that is gone, leaves nothing. Outside a block the transaction is COPY's own.
//
// COPY TO takes the rows of a query as they would be answered, and puts each into a CopyData message.
#include <fmt/format.h>

#include <algorithm>

#include "adapter/copy/copy_options.h"
#include "adapter/copy/copy_writer.h"
#include "adapter/session/copy_input.h"
#include "adapter/session/session.h"
#include "storage/failure.h"

namespace gyre::adapter {

using pgwire::Format;
using pgwire::TransactionStatus;

namespace {

constexpr std::size_t kFedAtOnce = 64 * 1024;  // bytes of messages, before what they hold is read

void refuse_files(const ast::CopyStatement& command, bool superuser) {
  if (!command.file) return;
  if (superuser)
    throw SqlError("0A000", command.program ? "COPY to or from a program is not supported"
                                            : "COPY to or from a file of the server is not supported")
        .with_hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.");
  const char* role = command.program ? "pg_execute_server_program"
                     : command.from  ? "pg_read_server_files"
                                     : "pg_write_server_files";
  const char* what = command.program ? "COPY to or from an external program"
                     : command.from  ? "COPY from a file"
                                     : "COPY to a file";
  throw SqlError("42501",
                 fmt::format("must be superuser or have privileges of the {} role to {}", role, what))
      .with_hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone.");
}

// Columns of FORCE_QUOTE that the table does not have at all; those that are not copied, the writer refuses.
void check_quoted_columns(const copy::Options& options, const PlanContext& context,
                          const ast::QualifiedName& name) {
  if (options.force_quote.names.empty()) return;
  const auto table = resolve_table(name, context);
  const auto& columns = table->schema->columns;
  for (const std::string& quoted : options.force_quote.names)
    if (std::none_of(columns.begin(), columns.end(),
                     [&](const auto& column) { return column.name == quoted; }))
      throw SqlError("42703",
                     fmt::format("column \"{}\" of relation \"{}\" does not exist", quoted, table->name()));
}

std::vector<Format> formats_of(copy::FileFormat format, std::size_t columns) {
  return std::vector<Format>(columns, format == copy::FileFormat::binary ? Format::binary : Format::text);
}

// Where in the input an error was found, as far as PostgreSQL tells: rows that have been read are inserted
// many at a time, so for a duplicate key there is only the number of the line.
bool is_unique_violation(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const storage::Failure& failure) {
    return failure.fault == storage::Fault::unique_violation;
  } catch (...) {
    return false;
  }
}

}  // namespace

reactor::Co<void> Session::run_copy(const ast::CopyStatement& command, StatementRef statement) {
  refuse_files(command, current_role(catalog()).superuser);
  if (command.from)
    co_await run_copy_from(command);
  else
    co_await run_copy_to(command, std::move(statement));
}

// ---- FROM ----

reactor::Co<void> Session::run_copy_from(const ast::CopyStatement& command) {
  const bool own = transaction_.status == TransactionStatus::idle;
  if (own) begin_transaction(true);
  check_may_write("COPY FROM");
  const std::int64_t statement_us = core_.wall_us();
  settings_.set_now(transaction_.start_us);
  const std::uint64_t catalog_version = catalog().version;
  CopyFromPlan plan = plan_copy_from(command, plan_context(catalog()));
  const copy::Options options = copy::check_options(command.options, copy::Direction::from);
  CopyInput input(std::move(plan), options, settings_.style(), core_.statement_memory);

  const std::vector<Format> formats = formats_of(options.format, input.column_count());
  const Format overall = options.format == copy::FileFormat::binary ? Format::binary : Format::text;
  pgwire::copy_in_response(out_, overall, formats);
  protocol_.on_copy_in();
  host_.on_output();
  std::uint64_t inserted = 0;
  bool all_came = false;
  std::exception_ptr error;
  std::string context;
  for (bool ended = false; !ended && error == nullptr;) {
    CopyInput::Step step = CopyInput::Step::need_more;
    try {
      check_canceled();
      TimeSlice slice = TimeSlice::of_us(core_.slice_us);
      step = input.read(slice);
      if (step == CopyInput::Step::need_more && take_copy_messages(&input, all_came)) continue;
    } catch (...) {
      error = std::current_exception();
      context = input.reading_context();
      break;
    }
    if (step == CopyInput::Step::need_more) {
      co_await copy_input_arrives();
    } else if (step == CopyInput::Step::slice_over) {
      co_await reactor::yield(core_.loop);
    } else {
      ended = step == CopyInput::Step::end;
      try {
        co_await insert_batch(input, catalog_version, statement_us, inserted);
      } catch (...) {
        error = std::current_exception();
        context = input.batch_context(!is_unique_violation(error));
      }
      input.clear_batch();
    }
  }
  // What comes behind the end marker counts for nothing.
  while (error == nullptr && !all_came) {
    try {
      check_canceled();
      if (take_copy_messages(nullptr, all_came)) continue;
    } catch (...) {
      error = std::current_exception();
      context = input.reading_context();
      break;
    }
    co_await copy_input_arrives();
  }
  if (error != nullptr) throw ErrorInContext(error, std::move(context));
  protocol_.on_copy_finished();
  if (own) co_await commit_transaction();
  if (observing()) observation_->counted = inserted;
  pgwire::command_complete_count(out_, "COPY", inserted);
}

// Hands on what has arrived, to `input` unless that has its end. False: nothing had arrived. Throws where it
// is not data, or the client gives up.
bool Session::take_copy_messages(CopyInput* input, bool& all_came) {
  bool taken = false;
  for (std::size_t fed = 0; fed < kFedAtOnce && !all_came; taken = true) {
    // A client that gives up is told the line at which it did so: what it sent before is read first.
    if (fed != 0 && input_.next_type() == 'f') break;
    const pgwire::FrameResult result = input_.next();
    if (result.status == pgwire::FrameStatus::need_more) break;
    if (result.status == pgwire::FrameStatus::error) {
      terminate(pgwire::describe_frame_error(result.error, result.frame.type).diagnostic());
      check_canceled();
    }
    const pgwire::Frame& frame = result.frame;
    const pgwire::Verdict verdict = protocol_.on_message(frame.type);
    if (verdict == pgwire::Verdict::fatal) terminate(protocol_.fatal_error(frame.type).diagnostic());
    if (frame.type == 'X') finish();
    check_canceled();
    if (verdict != pgwire::Verdict::process) continue;
    if (frame.type == 'd') {
      if (input != nullptr) input->feed(frame.body);
      fed += frame.body.size();
    } else if (frame.type == 'c') {
      if (input != nullptr) input->finish();
      all_came = true;
    } else {
      const auto message = pgwire::decode_copy_fail(frame.body);
      if (!message) throw SqlError(message.error().code, message.error().message);
      throw SqlError("57014", fmt::format("COPY from stdin failed: {}", message->reason));
    }
  }
  return taken;
}

// Also returns when the statement is to end.
reactor::Co<void> Session::copy_input_arrives() {
  output_taken_.reset();
  awaits_input_ = true;
  host_.on_appetite();
  if (!canceled_) co_await output_taken_;
  awaits_input_ = false;
}

reactor::Co<void> Session::insert_batch(CopyInput& input, std::uint64_t catalog_version,
                                        std::int64_t statement_us, std::uint64_t& inserted) {
  GivenRows& batch = input.batch();
  if (batch.count == 0) co_return;
  check_memory();
  const RowEncoder nothing;
  CoordinatorCall call(core_.loop, core_.shard);
  fill_call(call, statement_us);
  call.kind = CoordinatorCall::Kind::run_plan;
  call.plan = &input.plan();
  call.given = &batch;
  call.encoder = &nothing;
  call.catalog_version = catalog_version;
  co_await ask(call);
  if (call.stale)
    throw SqlError("40001", "could not serialize access due to a concurrent change of definitions")
        .with_hint("The transaction might succeed if retried.");
  inserted += call.affected;
}

// ---- TO ----

reactor::Co<void> Session::run_copy_to(const ast::CopyStatement& command, StatementRef whole) {
  static constexpr char kBinary[] = {0, 1};
  const ast::StatementPtr made =
      command.query == nullptr ? copy_to_query(command, plan_context(catalog())) : nullptr;
  const ast::Statement& query = made != nullptr ? *made : *command.query;
  core_.plans.clear_literals();
  refresh_environment();
  const StatementRef statement(plan_tree(query, catalog(), {}, false).release());
  if (statement->plan == nullptr || statement->plan->columns.empty())
    throw SqlError("0A000", "COPY query must have a RETURNING clause");
  const copy::Options options = copy::check_options(command.options, copy::Direction::to);
  if (command.query == nullptr) check_quoted_columns(options, plan_context(catalog()), command.table);
  std::vector<std::string> names;
  for (const OutputColumn& column : statement->plan->columns) names.push_back(column.name);
  copy::CopyWriter writer(options, std::move(names));

  Portal portal;
  portal.source = std::make_shared<StatementSource>(std::move(whole), query, std::vector<storage::Type>());
  portal.bind(statement, {}, {}, writer.binary() ? pgwire::FormatList(kBinary, 1) : pgwire::FormatList(),
              settings_.style());
  const Running running(running_, portal);
  if (asks_oracle()) co_await await_read_timestamp();
  if (portal.plan()->needs_sessions) co_await run_beside_sessions(portal);
  const bool here = !portal.has_answer() && runs_here(*portal.plan());
  if (!here && !portal.has_answer()) co_await run_on_oracle_core(portal);
  const Format overall = writer.binary() ? Format::binary : Format::text;
  pgwire::copy_out_response(out_, overall, formats_of(options.format, portal.plan()->columns.size()));
  const Counted counted(core_.metrics.copies_out);
  writer.begin(out_);
  OutBuffer rows;
  rows.set_limit(core_.most_answer_bytes() + kOutputSlack);
  std::uint64_t sent = 0;
  for (bool more = true; more;) {
    check_canceled();
    rows.clear();
    const Portal::Progress progress = here ? advance_into(portal, 0, rows) : deliver_into(portal, 0, rows);
    sent += writer.write(rows.view(), out_);
    more = progress != Portal::Progress::complete;
    if (more) co_await make_room();
  }
  writer.end(out_);
  pgwire::copy_done(out_);
  if (observing()) observation_->note_rows(sent);
  pgwire::command_complete_count(out_, "COPY", sent);
}

}  // namespace gyre::adapter
