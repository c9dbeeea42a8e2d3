#include "adapter/session/portal.h"

#include <algorithm>

#include "adapter/errors.h"
#include "adapter/exec/meter.h"
#include "adapter/metrics.h"
#include "adapter/sql_error.h"
#include "reactor/base/check.h"
#include "storage/failure.h"
#include "storage/key.h"

namespace gyre::adapter {

using storage::Datum;
using storage::TypeId;

// ---- DirectScan ----

bool DirectScan::passes(const char* row, const storage::RowLayout& layout, storage::EvalContext& eval) {
  columns_.resize(read_.filter_columns.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) columns_[i] = layout.get(row, read_.filter_columns[i]);
  eval.columns = columns_.data();
  const bool passed = read_.filter->evaluate(eval).truth();
  eval.columns = nullptr;
  return passed;
}

bool DirectScan::append_key(const DirectRead& read, const storage::TableSchema& schema,
                            storage::EvalContext& eval, OutBuffer& key) {
  for (std::size_t i = 0; i < read.key.size(); ++i) {
    const Datum value = read.key[i]->evaluate(eval);
    if (value.null) return false;
    storage::append_key_column(schema.columns[schema.primary_key[i]].type, value, key);
  }
  return true;
}

template <class Encode>
[[gnu::always_inline]] inline void DirectScan::run_lookup(const storage::TableVersion& table,
                                                          storage::EvalContext& eval, OutBuffer& key,
                                                          Encode encode) {
  const storage::TableSchema& schema = *table.schema;
  key.clear();
  if (!append_key(read_, schema, eval, key)) return;
  looked_up_ = true;
  std::string_view row;
  const storage::tree::Node* leaf =
      foresight_ == nullptr ? nullptr : foresight_->take(table.rows, key.view());
  const bool found =
      leaf != nullptr ? storage::Tree::get_in(leaf, key.view(), row) : table.rows.get(key.view(), row);
  if (found && (read_.filter == nullptr || passes(row.data(), schema.layout, eval))) {
    encode(row, schema.layout);
    ++rows_;
  }
}

template <class Encode>
[[gnu::always_inline]] inline DirectScan::Stop DirectScan::run_with(
    const storage::Database& database, storage::EvalContext& eval, TimeSlice& slice, std::uint64_t limit,
    std::size_t full_at, OutBuffer& key, OutBuffer& out, Encode encode) {
  if (ended_) return Stop::end;
  const storage::TableVersion* table = database.table(read_.table);
  GYRE_CHECK(table != nullptr);  // the plan's catalog version is the snapshot's
  const storage::RowLayout& layout = table->schema->layout;
  if (!read_.key.empty()) {
    ended_ = true;
    run_lookup(*table, eval, key, encode);
    return rows_ == limit && limit != 0 ? Stop::limit : Stop::end;
  }
  if (!started_) {
    started_ = true;
    cursor_ = storage::Cursor(table->rows);
    cursor_.seek_first();
  }
  const std::uint64_t last = read_.limit < 0 ? UINT64_MAX : static_cast<std::uint64_t>(read_.limit);
  const std::uint64_t stop_at = limit == 0 ? UINT64_MAX : rows_ + limit;
  for (; cursor_.valid() && rows_ < last && rows_ != stop_at; cursor_.next()) {
    if (slice.is_over()) return Stop::slice;
    const std::string_view row = cursor_.value();
    if (read_.filter != nullptr && !passes(row.data(), layout, eval)) continue;
    encode(row, layout);
    ++rows_;
    if (out.size() >= full_at && rows_ != stop_at) {
      cursor_.next();
      return Stop::full;
    }
  }
  if (rows_ == stop_at) return Stop::limit;  // also where it was the last row, as PostgreSQL does
  ended_ = true;
  return Stop::end;
}

DirectScan::Stop DirectScan::run(const storage::Database& database, storage::EvalContext& eval,
                                 TimeSlice& slice, std::uint64_t limit, std::size_t full_at, OutBuffer& key,
                                 OutBuffer& out) {
  return run_with(database, eval, slice, limit, full_at, key, out,
                  [&](std::string_view row, const storage::RowLayout& layout) {
                    encoder_.encode_packed(row, layout, read_.columns, *eval.style, out);
                  });
}

DirectScan::Stop DirectScan::run_metered(const storage::Database& database, storage::EvalContext& eval,
                                         TimeSlice& slice, std::uint64_t limit, std::size_t full_at,
                                         OutBuffer& key, OutBuffer& out, ExecutionMeter& meter) {
  const std::uint64_t begin = SpanClock::ticks();
  const Stop stop = run_with(database, eval, slice, limit, full_at, key, out,
                             [&](std::string_view row, const storage::RowLayout& layout) {
                               const std::uint64_t before = SpanClock::ticks();
                               encoder_.encode_packed(row, layout, read_.columns, *eval.style, out);
                               meter.encode_ticks += SpanClock::ticks() - before;
                             });
  meter.run_ticks += SpanClock::ticks() - begin;
  return stop;
}

// A scan stands before the first row that it has not looked at, or on the one that made it fail.
void DirectScan::note_reads(storage::ReadSet& reads, const OutBuffer& key, Ending ending) const noexcept {
  if (looked_up_) reads.add_key(read_.table, read_.table, key.view());
  if (!started_) return;
  if (!cursor_.valid())
    reads.add_range(read_.table, read_.table, {}, {});
  else if (ending == Ending::thrown)
    reads.add_range_through(read_.table, read_.table, {}, cursor_.key());
  else
    reads.add_range(read_.table, read_.table, {}, cursor_.key());
}

// ---- Portal ----

Portal::~Portal() = default;

namespace {
// The error says where the literal stands.
Datum parse_literal(const LiteralToken& token, storage::Type type, const storage::TextStyle& style,
                    Arena& arena) {
  try {
    return storage::traits(type).parse(token.text, style, arena);
  } catch (const storage::Failure& failure) {
    SqlError error(sql_state_of(failure.fault), failure.message, static_cast<int>(token.begin));
    error.detail = failure.detail;
    error.hint = failure.hint;
    throw error;
  }
}
}  // namespace

void append_literals(const Plan& plan, std::span<const LiteralToken> literals,
                     const storage::TextStyle& style, Arena& arena, std::vector<Datum>& out) {
  for (std::size_t slot = 0; slot < literals.size(); ++slot) {
    const LiteralToken& token = literals[slot];
    if (slot >= plan.literal_types.size() || plan.literal_fixed[slot]) {
      out.emplace_back();
      continue;
    }
    const storage::Type type = plan.literal_types[slot];
    const bool is_number = token.kind == LiteralToken::Kind::int4 || token.kind == LiteralToken::Kind::int8;
    const bool is_text = type.id == TypeId::text || type.id == TypeId::unknown || type.id == TypeId::varchar;
    if (is_number)
      out.push_back(Datum::of_integer(token.integer));
    else if (token.kind == LiteralToken::Kind::string && is_text)
      out.push_back(Datum::of_bytes(arena.copy(token.text)));
    else
      out.push_back(parse_literal(token, type, style, arena));
  }
}

void Portal::reset() {
  statement_ = {};
  source.reset();
  held.reset();
  arena_.reset();
  row_arena_.reset();
  parameters_.clear();
  formats_.clear();
  own_encoder_.reset();
  direct_.reset();
  execution_.reset();
  answer_.clear();
  answer_.release_above(0);
  answer_at_ = 0;
  statement_us = 0;
  affected = rows_ = slices_ = result_bytes = 0;
  rows_before_wait = UINT64_MAX;
  meter = nullptr;
  discards = has_answer_ = spent_ = started_ = complete_ = false;
}

void Portal::bind(StatementRef statement, std::vector<Datum> parameters,
                  std::span<const LiteralToken> literals, pgwire::FormatList formats,
                  const storage::TextStyle& style) {
  statement_ = std::move(statement);
  parameters_ = std::move(parameters);
  if (!formats.all_text())
    for (std::size_t i = 0; i < formats.size(); ++i) formats_.push_back(formats[i]);
  if (plan() == nullptr) return;
  append_literals(*plan(), literals, style, arena_, parameters_);
  if (!formats_.empty()) own_encoder_.emplace(plan()->columns, formats_);
}

RowEncoder Portal::encoder_for(std::span<const OutputColumn> columns) const {
  return RowEncoder(columns, formats_);
}

void Portal::rebind(StatementRef statement, std::span<const LiteralToken> literals,
                    const storage::TextStyle& style) {
  GYRE_CHECK(!started_);
  parameters_.resize(plan()->parameter_types.size());
  statement_ = std::move(statement);
  append_literals(*plan(), literals, style, arena_, parameters_);
}

Portal::Progress Portal::advance(const ExecutionContext& context, std::uint64_t limit, TimeSlice slice,
                                 std::size_t full_at, OutBuffer& out) {
  if (complete_) return Progress::complete;
  started_ = true;
  spent_ = true;  // unless this returns
  try {
    const Progress progress = advance_plan(context, limit, slice, full_at, out);
    note_reads(context, DirectScan::Ending::normal);
    if (complete_) {
      execution_.reset();
      direct_.reset();
    }
    spent_ = false;
    ++slices_;
    return progress;
  } catch (...) {
    note_reads(context, DirectScan::Ending::thrown);
    throw;
  }
}

void Portal::note_reads(const ExecutionContext& context, DirectScan::Ending ending) noexcept {
  if (context.reads == nullptr) return;
  if (execution_ != nullptr) execution_->note_reads();
  if (direct_) direct_->note_reads(*context.reads, key_, ending);
}

Portal::Progress Portal::advance_plan(const ExecutionContext& context, std::uint64_t limit, TimeSlice& slice,
                                      std::size_t full_at, OutBuffer& out) {
  if (plan()->direct != nullptr) return advance_direct(context, limit, slice, full_at, out);
  if (execution_ == nullptr) execution_ = execute(*plan(), context);
  const MeteredRun metered(context.meter);
  const RowEncoder& rows_encoder = encoder();
  for (std::uint64_t sent = 0; limit == 0 || sent < limit;) {
    const Datum* values = nullptr;
    switch (execution_->next(slice, values)) {
      case Step::yield:
        return Progress::slice_over;
      case Step::end:
        complete_ = true;
        return Progress::complete;
      case Step::row:
        metered.encode([&] { rows_encoder.encode(values, *context.style, out); });
        ++rows_;
        ++sent;
        if (out.size() >= full_at && sent != limit) return Progress::output_full;
        if (slice.is_over() && sent != limit) return Progress::slice_over;
        break;
    }
  }
  return Progress::row_limit;
}

Portal::Progress Portal::advance_direct(const ExecutionContext& context, std::uint64_t limit,
                                        TimeSlice& slice, std::size_t full_at, OutBuffer& out) {
  if (!direct_) direct_.emplace(*plan()->direct, encoder());
  memory_.set_limit(context.memory_limit);
  storage::EvalContext eval;
  eval.parameters = parameters_.data();
  eval.arena = &row_arena_;
  eval.style = context.style;
  eval.session = context.session;
  eval.transaction_us = context.transaction_us;
  eval.statement_us = context.statement_us;
  const DirectScan::Stop stop =
      context.meter == nullptr
          ? direct_->run(*context.database, eval, slice, limit, full_at, key_, out)
          : direct_->run_metered(*context.database, eval, slice, limit, full_at, key_, out, *context.meter);
  rows_ = direct_->rows();
  row_arena_.reset();
  switch (stop) {
    case DirectScan::Stop::end:
      complete_ = true;
      return Progress::complete;
    case DirectScan::Stop::limit:
      return Progress::row_limit;
    case DirectScan::Stop::slice:
      return Progress::slice_over;
    case DirectScan::Stop::full:
      return Progress::output_full;
  }
  GYRE_UNREACHABLE();
}

namespace {
constexpr std::size_t kMostAnswer = std::size_t{1} << 30;  // a message's length is a signed number
}  // namespace

void Portal::evaluate_now(const ExecutionContext& context) {
  OutBuffer rows;
  rows.set_limit(std::min(context.memory_limit, kMostAnswer));
  while (advance(context, 0, TimeSlice::unlimited(), SIZE_MAX, rows) != Progress::complete) continue;
  replace_by_answer(std::move(rows));
}

void Portal::replace_by_answer(OutBuffer rows) {
  rows_ = 0;
  complete_ = false;
  set_answer(std::move(rows));
}

void Portal::start_anew() {
  if (meter != nullptr) meter->clear();
  execution_.reset();
  direct_.reset();
  held.reset();
  rows_ = slices_ = result_bytes = 0;
  started_ = complete_ = spent_ = false;
}

void Portal::set_answer(OutBuffer rows) {
  answer_ = std::move(rows);
  answer_at_ = 0;
  has_answer_ = started_ = true;
}

Portal::Progress Portal::deliver(std::uint64_t limit, OutBuffer& out) {
  const std::size_t first = answer_at_;
  std::uint64_t sent = 0;
  for (; answer_at_ < answer_.size() && (limit == 0 || sent < limit); ++sent) {
    std::uint32_t length;
    std::memcpy(&length, answer_.data() + answer_at_ + 1, sizeof length);
    answer_at_ += 1 + __builtin_bswap32(length);
  }
  rows_ += sent;
  out.append(answer_.data() + first, answer_at_ - first);
  if (limit != 0 && sent == limit) return Progress::row_limit;  // that there is no more is not known yet
  complete_ = true;
  answer_ = OutBuffer();
  answer_at_ = 0;
  return Progress::complete;
}

}  // namespace gyre::adapter
