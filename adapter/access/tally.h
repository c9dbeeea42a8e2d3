// How many connections a role or an address has, over all cores. Each core counts its own and tells the
// others of every change, so a figure is right up to the messages that are on their way.
//
// One per shard, on its own thread. Keys are oids, or hashes of addresses: two addresses with one hash share
// a limit.
#pragma once

#include <cstdint>
#include <numeric>
#include <unordered_map>
#include <vector>

namespace gyre::adapter {

class Tally {
 public:
  Tally(std::size_t cores, std::size_t self) : cores_(cores), self_(self) {}

  // Both return this core's new figure, which the others are to be told.
  std::uint32_t add(std::uint32_t key) { return ++row(key)[self_]; }
  std::uint32_t remove(std::uint32_t key) {
    const std::uint32_t left = --row(key)[self_];
    forget_if_zero(key);
    return left;
  }
  void hear(std::uint32_t key, std::size_t core, std::uint32_t count) {
    row(key)[core] = count;
    forget_if_zero(key);
  }
  std::uint32_t total(std::uint32_t key) const {
    const auto found = rows_.find(key);
    if (found == rows_.end()) return 0;
    return std::accumulate(found->second.begin(), found->second.end(), std::uint32_t{0});
  }
  std::size_t size() const { return rows_.size(); }

 private:
  std::vector<std::uint32_t>& row(std::uint32_t key) {
    return rows_.try_emplace(key, cores_, std::uint32_t{0}).first->second;
  }
  void forget_if_zero(std::uint32_t key) {
    if (total(key) == 0) rows_.erase(key);
  }

  const std::size_t cores_, self_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> rows_;
};

}  // namespace gyre::adapter
