// Makes a state out of what was kept: begins with a checkpoint's or with nothing, does the records of the
// commits after it once more, binds the catalog.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "adapter/durability/initial_state.h"
#include "reactor/base/result.h"
#include "storage/branch.h"

namespace gyre::adapter {

// One thread's, before the server starts. Errors are sentences without a place; whoever has the bytes knows
// where they are from.
class Replayer {
 public:
  explicit Replayer(InitialState begin);
  ~Replayer();

  using Done = Result<std::monostate, std::string>;
  // The record of a commit. Timestamps ascend; one that the state already has is skipped. After an error the
  // state is good for nothing.
  Done apply(Timestamp timestamp, std::string_view record);
  // The state with everything that was applied. Once.
  Result<InitialState, std::string> finish();

  // Called now and then while a record is applied: one may have millions of rows.
  void set_progress(std::function<void()> progress) { progress_ = std::move(progress); }

  Timestamp timestamp() const { return state_.timestamp; }
  std::uint64_t records() const { return records_; }
  std::uint64_t rows() const { return rows_; }

 private:
  void seal();

  InitialState state_;
  // All records work on one branch, as long as they only change rows: a node is copied once however often it
  // is changed.
  std::unique_ptr<storage::Branch> branch_;
  std::function<void()> progress_;
  std::uint64_t records_ = 0;
  std::uint64_t rows_ = 0;
};

}  // namespace gyre::adapter
