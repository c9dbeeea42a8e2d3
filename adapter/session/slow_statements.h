// The slowest statements that a core has run in the last minutes, for the console page. Only what takes
// longer than all that it has seen is looked at more closely, so a statement costs one comparison.
//
// One core only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace gyre::adapter {

struct SlowStatement {
  std::string text;  // its literals replaced by $1, $2, …
  std::uint64_t longest_ns = 0;
  std::uint64_t times = 0;    // that it was among the slowest
  std::uint64_t last_us = 0;  // when it was so last, by the loop's clock
  std::uint64_t key = 0;      // by which it was found last
};

class SlowStatements {
 public:
  static constexpr std::size_t kMost = 16;
  static constexpr std::uint64_t kLeastNs = 100'000;  // nothing below is slow
  static constexpr std::uint64_t kKeptUs = 300'000'000;

  bool wants(std::uint64_t took_ns) const { return took_ns >= floor_ns_; }
  // Where many statements are slow, making a text to be shown of each would make them slower. So a statement
  // has a key that is cheap to find, and only where that is not known, its text is asked for. Statements of
  // several keys may have one text.
  bool note_known(std::uint64_t key, std::uint64_t took_ns, std::uint64_t now_us);
  void note(std::uint64_t key, std::string text, std::uint64_t took_ns, std::uint64_t now_us);
  void forget_old(std::uint64_t now_us);
  std::span<const SlowStatement> list() const { return list_; }

 private:
  void count(SlowStatement& entry, std::uint64_t took_ns, std::uint64_t now_us);
  void set_floor();

  std::vector<SlowStatement> list_;
  std::uint64_t floor_ns_ = kLeastNs;
};

}  // namespace gyre::adapter
