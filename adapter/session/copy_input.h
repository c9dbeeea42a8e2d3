// The rows of one COPY FROM STDIN on their way from the client's bytes to the oracle core: read, converted to
// the columns' types, gathered into batches. Knows which line an error is about. No socket, no waiting; one
// core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/copy/copy_reader.h"
#include "adapter/exec/executor.h"
#include "adapter/plan/plan.h"
#include "reactor/base/arena.h"

namespace gyre::adapter {

class CopyInput {
 public:
  enum class Step : std::uint8_t { batch_full, need_more, slice_over, end };

  // `style` is the session's and outlives this object. Throws SqlError for options that do not fit the
  // columns.
  CopyInput(CopyFromPlan plan, const copy::Options& options, const storage::TextStyle& style,
            std::size_t row_limit);

  const Plan& plan() const { return *plan_.plan; }
  std::size_t column_count() const { return columns_.size(); }
  void feed(std::string_view bytes) { reader_->feed(bytes); }
  void finish() { reader_->finish(); }
  // Reads and converts what has been fed. Throws SqlError, Failure: see reading_context().
  Step read(TimeSlice& slice);

  GivenRows& batch();
  void clear_batch();

  // Where the reading stands: COPY t, line 3, column a: "x"
  std::string reading_context() const;
  // Which row of the batch was taken up last; `with_text`: and how it came.
  std::string batch_context(bool with_text) const;

 private:
  struct Column {
    std::string name;
    storage::Type type;
    const storage::TypeTraits* traits;
    bool force_not_null = false;
    bool force_null = false;
  };
  struct Row {
    std::uint64_t line;
    std::string_view text;  // as it is printed
    bool has_text;
  };

  void force(const copy::ColumnChoice& choice, std::string_view option, bool Column::*flag);
  void add_row();
  storage::Datum convert(const Column& column, copy::Field field);
  bool batch_is_full() const;

  CopyFromPlan plan_;
  const bool binary_;
  const std::string null_text_;
  const storage::TextStyle& style_;
  std::vector<Column> columns_;
  std::unique_ptr<copy::CopyReader> reader_;
  std::vector<copy::Field> fields_;

  // Of the row being converted.
  const Column* column_ = nullptr;
  copy::Field field_;

  // The batch.
  Arena arena_;
  std::vector<storage::Datum> values_;
  std::vector<Row> rows_;
  GivenRows given_;
};

}  // namespace gyre::adapter
