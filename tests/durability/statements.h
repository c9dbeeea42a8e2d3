// Random SQL, definitions among it, and whether two states are the same.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "adapter/catalog/codec.h"
#include "adapter/durability/initial_state.h"
#include "oracle/published_state.h"
#include "tests/storage/workload.h"

namespace gyre::test {

// Statements over a handful of tables; some fail.
class RandomStatements {
 public:
  explicit RandomStatements(std::uint64_t seed) : random_(seed) {}

  std::string next() {
    const std::string table = "t" + std::to_string(below(6));
    const std::string number = std::to_string(below(50));
    switch (below(24)) {
      case 0:
        return "CREATE TABLE " + table + " (a int8 " + (below(2) == 0 ? "PRIMARY KEY" : "NOT NULL") +
               ", b int4 DEFAULT " + number + ", c text DEFAULT 'some ''words'''" +
               (below(2) == 0 ? ", UNIQUE (b)" : "") + ")";
      case 1:
        return below(3) == 0 ? "DROP TABLE " + table : "SELECT 1";
      case 2:
        return "CREATE INDEX ON " + table + " (" + (below(2) == 0 ? "b" : "c, a") + ")";
      case 3:
        return below(2) == 0 ? "TRUNCATE " + table : "DROP INDEX " + table + "_b_idx";
      case 4:
        return "CREATE ROLE r" + number;
      case 5:
        return "GRANT SELECT, INSERT ON " + table + " TO r" + number;
      case 6:
        return "DROP ROLE r" + number;
      case 7:
        return "UPDATE " + table + " SET b = b + 1, c = c || 'x' WHERE a < " + number;
      case 8:
      case 9:
        return "UPDATE " + table + " SET a = a + 1";
      case 10:
        return "DELETE FROM " + table + " WHERE a > " + number;
      case 11:
        return "DELETE FROM " + table + " WHERE b = " + number;
      case 12:
        return "BEGIN";
      case 13:
      case 14:
        return "COMMIT";
      case 15:
        return "ROLLBACK";
      case 16:
        return "INSERT INTO " + table + " SELECT x, x % 7 FROM generate_series(1, " + number + ") AS s(x)";
      default:
        return "INSERT INTO " + table + " VALUES (" + std::to_string(below(200)) + ", " + number + ", '" +
               std::string(below(30), 'z') + "')";
    }
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::mt19937_64 random_;
};

inline std::string bytes_of(const adapter::Catalog& catalog) {
  OutBuffer bytes;
  encode_catalog_change(adapter::Catalog(), catalog, bytes);
  return std::string(bytes.view());
}

inline void expect_same(const oracle::Publication& expected, const adapter::InitialState& found) {
  EXPECT_EQ(expected.read_ts, found.timestamp);
  const auto& catalog = *static_cast<const adapter::Catalog*>(expected.catalog);
  EXPECT_EQ(bytes_of(catalog), bytes_of(found.catalog));
  expect_same(*static_cast<const storage::Database*>(expected.database), *found.database);
}

}  // namespace gyre::test
