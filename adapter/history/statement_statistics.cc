// Mean and deviation are kept as PostgreSQL does: Welford's recurrence for one more time, Chan's formula for
// two sets of them.
#include "adapter/history/statement_statistics.h"

#include <algorithm>
#include <set>

namespace gyre::adapter {

void StatementStatistics::add(std::uint32_t role, std::uint64_t query_id, std::string_view text, double took_ms,
                              std::uint64_t rows) {
  Row one;
  one.calls = 1;
  one.rows = rows;
  one.total_ms = one.least_ms = one.most_ms = one.mean_ms = took_ms;
  merge(one, row_of(role, query_id, text));
}

void StatementStatistics::add(const Row& counted) {
  merge(counted, row_of(counted.role, counted.query_id, counted.text));
}

StatementStatistics::Row& StatementStatistics::row_of(std::uint32_t role, std::uint64_t query_id,
                                                      std::string_view text) {
  const Key key{query_id, role};
  auto place = rows_.find(key);
  if (place == rows_.end()) {
    if (rows_.size() >= most_) make_room();
    Row row;
    row.role = role;
    row.query_id = query_id;
    row.text = text;
    place = rows_.emplace(key, std::move(row)).first;
  }
  return place.value();
}

void StatementStatistics::make_room() {
  std::vector<std::uint64_t> calls;
  for (const auto& [key, row] : rows_) calls.push_back(row.calls);
  const std::size_t leaving = std::max<std::size_t>(1, calls.size() / 20);
  std::nth_element(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(leaving - 1), calls.end());
  const std::uint64_t bound = calls[leaving - 1];
  std::size_t left = leaving;
  for (auto place = rows_.begin(); place != rows_.end() && left != 0;)
    if (place->second.calls <= bound) {
      place = rows_.erase(place);
      --left;
    } else {
      ++place;
    }
}

void StatementStatistics::forget(const ForgottenStatements& which) {
  for (auto place = rows_.begin(); place != rows_.end();)
    if ((which.role == 0 || which.role == place->first.role) &&
        (which.query_id == 0 || which.query_id == place->first.query_id))
      place = rows_.erase(place);
    else
      ++place;
}

std::vector<StatementStatistics::Row> StatementStatistics::copy() const {
  std::vector<Row> rows;
  rows.reserve(rows_.size());
  for (const auto& [key, row] : rows_) rows.push_back(row);
  return rows;
}

std::vector<StatementStatistics::Row> StatementStatistics::costliest(std::size_t most) const {
  std::vector<const Row*> rows;
  for (const auto& [key, row] : rows_) rows.push_back(&row);
  std::set<const Row*> chosen;
  for (const auto figure : {&Row::total_ms, &Row::most_ms}) {
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(most, rows.size()));
    std::partial_sort(rows.begin(), end, rows.end(),
                      [figure](const Row* a, const Row* b) { return a->*figure > b->*figure; });
    chosen.insert(rows.begin(), end);
  }
  std::vector<Row> copies;
  for (const Row* const row : chosen) copies.push_back(*row);
  return copies;
}

void merge(const storage::StatementStatistic& from, storage::StatementStatistic& into) {
  if (from.calls == 0) return;
  const auto before = static_cast<double>(into.calls), more = static_cast<double>(from.calls);
  const double apart = from.mean_ms - into.mean_ms;
  into.least_ms = into.calls == 0 ? from.least_ms : std::min(into.least_ms, from.least_ms);
  into.most_ms = std::max(into.most_ms, from.most_ms);
  into.squares += from.squares + apart * apart * before * more / (before + more);
  into.mean_ms += apart * more / (before + more);
  into.total_ms += from.total_ms;
  into.calls += from.calls;
  into.rows += from.rows;
}

}  // namespace gyre::adapter
