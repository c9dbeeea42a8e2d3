#include "adapter/session/slow_statements.h"

#include <algorithm>

namespace gyre::adapter {

namespace {
bool is_faster(const SlowStatement& a, const SlowStatement& b) {
  return a.longest_ns < b.longest_ns;
}
}  // namespace

bool SlowStatements::note_known(std::uint64_t key, std::uint64_t took_ns, std::uint64_t now_us) {
  if (!wants(took_ns)) return true;
  const auto place = std::ranges::find(list_, key, &SlowStatement::key);
  if (place == list_.end()) return false;
  count(*place, took_ns, now_us);
  return true;
}

void SlowStatements::note(std::uint64_t key, std::string text, std::uint64_t took_ns, std::uint64_t now_us) {
  if (!wants(took_ns)) return;
  auto place = std::ranges::find(list_, text, &SlowStatement::text);
  if (place == list_.end()) {
    if (list_.size() == kMost) list_.erase(std::min_element(list_.begin(), list_.end(), is_faster));
    place = list_.emplace(list_.end());
    place->text = std::move(text);
  }
  place->key = key;
  count(*place, took_ns, now_us);
}

void SlowStatements::count(SlowStatement& entry, std::uint64_t took_ns, std::uint64_t now_us) {
  entry.longest_ns = std::max(entry.longest_ns, took_ns);
  ++entry.times;
  entry.last_us = now_us;
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
