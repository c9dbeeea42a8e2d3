#include "adapter/session/copy_input.h"

#include <fmt/format.h>

#include <algorithm>

#include "adapter/plan/datum_kind.h"
#include "adapter/sql_error.h"
#include "storage/table.h"

namespace gyre::adapter {

using storage::Datum;

namespace {

// A batch occupies the oracle core for about as long as a slice of a read does a shard.
constexpr std::size_t kBatchRows = 1024;
constexpr std::size_t kBatchBytes = 256 * 1024;
constexpr std::size_t kPrintedBytes = 100;  // as in PostgreSQL

// What of a value or line is shown in a context. Does not cut a character.
std::string_view clip(std::string_view text) {
  if (text.size() <= kPrintedBytes) return text;
  std::size_t end = kPrintedBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}
std::string printed(std::string_view text) {
  const std::string_view shown = clip(text);
  return fmt::format("\"{}{}\"", shown, shown.size() < text.size() ? "..." : "");
}

std::vector<std::string> names_of(const CopyFromPlan& plan) {
  std::vector<std::string> names;
  for (const std::size_t column : plan.columns) names.push_back(plan.table->schema->columns[column].name);
  return names;
}

}  // namespace

CopyInput::CopyInput(CopyFromPlan plan, const copy::Options& options, const storage::TextStyle& style,
                     std::size_t row_limit)
    : plan_(std::move(plan)),
      binary_(options.format == copy::FileFormat::binary),
      null_text_(options.null_text),
      style_(style),
      reader_(copy::make_reader(options, names_of(plan_), row_limit)) {
  for (const std::size_t position : plan_.columns) {
    const storage::ColumnDef& column = plan_.table->schema->columns[position];
    columns_.push_back({column.name, column.type, &storage::traits(column.type)});
  }
  force(options.force_not_null, "FORCE_NOT_NULL", &Column::force_not_null);
  force(options.force_null, "FORCE_NULL", &Column::force_null);
}

void CopyInput::force(const copy::ColumnChoice& choice, std::string_view option, bool Column::*flag) {
  for (const std::string& name : choice.names) {
    const auto found = std::find_if(columns_.begin(), columns_.end(),
                                    [&](const Column& column) { return column.name == name; });
    if (found != columns_.end()) {
      (*found).*flag = true;
      continue;
    }
    const auto& all = plan_.table->schema->columns;
    if (std::none_of(all.begin(), all.end(), [&](const auto& column) { return column.name == name; }))
      throw SqlError(
          "42703", fmt::format("column \"{}\" of relation \"{}\" does not exist", name, plan_.table->name()));
    throw SqlError("42P10", fmt::format("{} column \"{}\" not referenced by COPY", option, name));
  }
}

CopyInput::Step CopyInput::read(TimeSlice& slice) {
  while (!batch_is_full()) {
    switch (reader_->next(fields_)) {
      case copy::CopyReader::Step::need_more:
        return Step::need_more;
      case copy::CopyReader::Step::end:
        return Step::end;
      case copy::CopyReader::Step::row:
        add_row();
        break;
    }
    if (slice.is_over()) return Step::slice_over;
  }
  return Step::batch_full;
}

bool CopyInput::batch_is_full() const {
  return rows_.size() >= kBatchRows || arena_.footprint() >= kBatchBytes;
}

void CopyInput::add_row() {
  // A line without anything is a row of a table without columns.
  if (columns_.empty() && fields_.size() == 1 && reader_->line_text().empty()) fields_.clear();
  if (fields_.size() > columns_.size()) throw SqlError("22P04", "extra data after last expected column");
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (i == fields_.size())
      throw SqlError("22P04", fmt::format("missing data for column \"{}\"", columns_[i].name));
    column_ = &columns_[i];
    values_.push_back(convert(columns_[i], fields_[i]));
    column_ = nullptr;
  }
  const std::string_view text = reader_->line_text();
  const std::string_view kept = text.substr(0, kPrintedBytes + 4);  // enough to see that there is more
  rows_.push_back({reader_->line(), arena_.copy(kept), reader_->line_known()});
}

Datum CopyInput::convert(const Column& column, copy::Field field) {
  if (field.null && column.force_not_null)
    field = {null_text_, false};
  else if (!field.null && column.force_null && field.bytes == null_text_)
    field = {{}, true};
  field_ = field;
  if (field.null) return {};
  // The reader's buffer goes; the value stays.
  const std::string_view bytes = is_by_reference(column.type.id) ? arena_.copy(field.bytes) : field.bytes;
  const Datum value =
      binary_ ? column.traits->receive(bytes, arena_) : column.traits->parse(bytes, style_, arena_);
  if (column.type.typmod < 0 || column.traits->apply_typmod == nullptr) return value;
  return column.traits->apply_typmod(value, column.type.typmod, false, arena_);
}

GivenRows& CopyInput::batch() {
  given_ = {values_, rows_.size(), 0};
  return given_;
}

void CopyInput::clear_batch() {
  values_.clear();
  rows_.clear();
  arena_.reset();
  given_ = {};
}

std::string CopyInput::reading_context() const {
  if (reader_->line() == 0) return {};  // what precedes the first row of a binary file
  std::string context = fmt::format("COPY {}, line {}", plan_.table->name(), reader_->line());
  if (column_ != nullptr) {
    context += ", column " + column_->name;
    if (!binary_) context += field_.null ? ": null input" : ": " + printed(field_.bytes);
  } else if (reader_->line_known()) {
    context += ": " + printed(reader_->line_text());
  }
  return context;
}

std::string CopyInput::batch_context(bool with_text) const {
  const std::size_t at = given_.taken == 0 ? 0 : given_.taken - 1;
  if (at >= rows_.size()) return reading_context();
  const Row& row = rows_[at];
  std::string context = fmt::format("COPY {}, line {}", plan_.table->name(), row.line);
  if (with_text && row.has_text) context += ": " + printed(row.text);
  return context;
}

}  // namespace gyre::adapter
