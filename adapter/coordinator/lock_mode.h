// The modes of PostgreSQL's locks and which of them exclude each other (PostgreSQL's manual, 13.3,
// tables 13.2 and 13.3). Within a kind, modes are numbered from 0; a set of modes is a mask of bits.
#pragma once

#include <cstdint>
#include <string_view>

namespace gyre::adapter {

// Of a row, weakest first.
enum class RowLockMode : std::uint8_t { for_key_share, for_share, for_no_key_update, for_update };
constexpr std::string_view words_of(RowLockMode mode) {
  switch (mode) {
    case RowLockMode::for_key_share:
      return "FOR KEY SHARE";
    case RowLockMode::for_share:
      return "FOR SHARE";
    case RowLockMode::for_no_key_update:
      return "FOR NO KEY UPDATE";
    case RowLockMode::for_update:
      break;
  }
  return "FOR UPDATE";
}

// Of a table, in PostgreSQL's order.
enum class TableLockMode : std::uint8_t {
  access_share,
  row_share,
  row_exclusive,
  share_update_exclusive,
  share,
  share_row_exclusive,
  exclusive,
  access_exclusive,
};

enum class AdvisoryLockMode : std::uint8_t { share, exclusive };

// What a statement does where a lock is not to be had at once.
enum class LockWaitPolicy : std::uint8_t { block, error, skip };

}  // namespace gyre::adapter
