#include "adapter/session/slow_statements.h"

#include <algorithm>

namespace gyre::adapter {

namespace {
bool is_faster(const SlowStatement& a, const SlowStatement& b) {
  return a.longest_ns < b.longest_ns;
}
}  // namespace

void SlowStatements::note(std::string text, std::uint64_t took_ns, std::uint64_t now_us) {
  if (!wants(took_ns)) return;
  auto place = std::find_if(list_.begin(), list_.end(),
                            [&](const SlowStatement& entry) { return entry.text == text; });
  if (place == list_.end()) {
    if (list_.size() == kMost) list_.erase(std::min_element(list_.begin(), list_.end(), is_faster));
    place = list_.emplace(list_.end());
    place->text = std::move(text);
  }
  place->longest_ns = std::max(place->longest_ns, took_ns);
  ++place->times;
  place->last_us = now_us;
  set_floor();
}

void SlowStatements::forget_old(std::uint64_t now_us) {
  std::erase_if(list_, [&](const SlowStatement& entry) { return entry.last_us + kKeptUs < now_us; });
  set_floor();
}

void SlowStatements::set_floor() {
  floor_ns_ = kLeastNs;
  if (list_.size() == kMost)
    floor_ns_ = std::max(floor_ns_, std::min_element(list_.begin(), list_.end(), is_faster)->longest_ns);
}

}  // namespace gyre::adapter
