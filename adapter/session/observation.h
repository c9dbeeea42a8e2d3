// What is noted of a statement while it runs, of a session whose statements are looked at (StatementWatch).
// Made with the first of them; times are SpanClock's, 0: it has not come so far.
#pragma once

#include <cstdint>
#include <string>

#include "adapter/metrics.h"
#include "adapter/plan_cache.h"
#include "storage/scalar/statement_rows.h"

namespace gyre::adapter {

struct Observation {
  bool active = false;
  // Given up by a way of answering that it was too large for, to be begun anew by another.
  bool suspended = false;
  bool sampled = false;   // is to be kept
  bool announced = false;  // log_statement has logged it
  double rate = 0;         // that it was drawn by

  std::string text;        // whole
  std::string name;        // of the prepared statement; empty: unnamed
  std::string parameters;  // as a text array; of one that is kept
  std::string bound;       // "$1 = '1'"; of one that may be logged
  bool is_execute = false;  // of the extended protocol
  storage::UuidBytes prepared_id{};
  std::int64_t prepared_us = 0;
  std::string portal;       // whose Execute it is
  bool goes_on = false;     // with rows that an earlier Execute has left
  StatementRef statement;  // null until it is ready
  // SQL's EXECUTE: of what, and the text of the PREPARE. These are counted, not the EXECUTE.
  StatementRef executed;
  std::string executed_text;

  std::int64_t began_us = 0;
  std::uint64_t began = 0, ready = 0, snapshot = 0, first_row = 0;
  std::uint64_t timestamp = 0;
  std::int64_t rows = -1, result_bytes = -1;  // returned
  std::uint64_t row_bytes = 0;                // of rows, so far
  std::uint64_t counted = 0;                  // returned or changed
  bool is_constant = false;                   // it was evaluated without reading anything

  void note_rows(std::uint64_t returned) {
    counted = returned;
    rows = static_cast<std::int64_t>(returned);
    result_bytes = static_cast<std::int64_t>(row_bytes);
  }
  void execute(StatementRef what, std::string_view prepared_text) {
    executed = std::move(what);
    executed_text = prepared_text;
  }
  // It began in an earlier turn than that in which it was taken up, at these ticks.
  void date_back(std::uint64_t ticks, const SpanClock& clock) {
    began_us -= static_cast<std::int64_t>(clock.nanoseconds(ticks, began) / 1000);
    began = ticks;
  }
};

}  // namespace gyre::adapter
