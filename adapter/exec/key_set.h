// Row keys by value, in memory that is counted: what DISTINCT, grouping, hash joins and set operations look
// rows up by.
#pragma once

#include <string_view>
#include <unordered_map>

#include "adapter/exec/operator.h"
#include "reactor/base/out_buffer.h"

namespace gyre::adapter::exec {

// From a key's bytes to a number. Roughly: 64 bytes per entry beside the key.
class KeyMap {
 public:
  explicit KeyMap(State& state) : state_(state) { arena_.set_budget(state.memory); }
  ~KeyMap() { clear(); }
  KeyMap(const KeyMap&) = delete;
  KeyMap& operator=(const KeyMap&) = delete;

  // The key's number, which is `fresh` if it was not there before.
  std::int64_t& at(std::string_view key, std::int64_t fresh, bool& added) {
    const auto found = map_.find(key);
    added = found == map_.end();
    if (!added) return found->second;
    const std::string_view kept = arena_.copy(key);
    const std::size_t bytes = 64 * (map_.size() + 1);
    if (bytes > accounted_ + 4096) state_.account(accounted_, bytes);
    return map_.emplace(kept, fresh).first->second;
  }
  // Null where there is none.
  std::int64_t* find(std::string_view key) {
    const auto found = map_.find(key);
    return found == map_.end() ? nullptr : &found->second;
  }
  bool insert(std::string_view key) {
    bool added;
    at(key, 0, added);
    return added;
  }
  void clear() {
    map_.clear();
    arena_.reset();
    state_.account(accounted_, 0);
  }

 private:
  State& state_;
  Arena arena_;
  std::unordered_map<std::string_view, std::int64_t> map_;
  std::size_t accounted_ = 0;
};

}  // namespace gyre::adapter::exec
