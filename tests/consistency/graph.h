// Which transaction must stand before which other, and cycles in that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "tests/consistency/history.h"

namespace gyre::consistency {

enum class Dependency : std::uint8_t {
  ww,        // wrote the version before the one that the other wrote
  wr,        // wrote what the other read
  rw,        // read the version before the one that the other wrote
  realtime,  // was answered before the other was asked
};

struct Edge {
  std::size_t from, to;
  Dependency kind;
  Key key;  // 0 for realtime
};

using Cycle = std::vector<Edge>;
using EdgeFilter = std::function<bool(const Edge&)>;

class Graph {
 public:
  explicit Graph(std::size_t nodes) : out_(nodes) {}
  void add(const Edge& edge);
  const std::vector<Edge>& from(std::size_t node) const { return out_[node]; }
  std::size_t size() const { return out_.size(); }

  // The strongly connected component of each node by the edges that `use` accepts; nodes alone in theirs have
  // 0.
  std::vector<std::uint32_t> components(const EdgeFilter& use) const;
  // The shortest way from `start` to `goal` by edges that `use` accepts; empty where there is none, or start
  // is goal.
  Cycle path(std::size_t start, std::size_t goal, const EdgeFilter& use) const;

 private:
  std::vector<std::vector<Edge>> out_;
};

}  // namespace gyre::consistency
