// What pg_stat_statements counts, on one core: executions by role and by the statement without its constants.
// Each core has its own; whoever asks adds them up.
#pragma once

#include <tsl/robin_map.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/scalar/statement_rows.h"

namespace gyre::adapter {

// What pg_stat_statements_reset() forgets; 0: any.
struct ForgottenStatements {
  std::uint32_t role = 0;
  std::uint64_t query_id = 0;
};

class StatementStatistics {
 public:
  using Row = storage::StatementStatistic;

  // So many statements at most: a new one beyond that throws the least called twentieth out.
  void set_most(std::size_t statements) { most_ = statements; }
  // `text` is looked at where the statement is new.
  void add(std::uint32_t role, std::uint64_t query_id, std::string_view text, double took_ms, std::uint64_t rows);
  void add(const Row& counted);  // what another core has counted
  void forget(const ForgottenStatements& which);
  std::vector<Row> copy() const;
  // The so many rows of the longest time in all, and as many whose one execution took the longest; in no
  // order.
  std::vector<Row> costliest(std::size_t most) const;
  std::size_t size() const { return rows_.size(); }

 private:
  struct Key {
    std::uint64_t query_id;
    std::uint32_t role;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return key.query_id + key.role * 0x9e3779b97f4a7c15; }
  };
  Row& row_of(std::uint32_t role, std::uint64_t query_id, std::string_view text);
  void make_room();

  std::size_t most_ = 5000;
  tsl::robin_map<Key, Row, Hash> rows_;
};

// Adds what another core has counted of the same statement.
void merge(const storage::StatementStatistic& from, storage::StatementStatistic& into);

}  // namespace gyre::adapter
