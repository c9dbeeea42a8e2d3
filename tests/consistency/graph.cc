#include "tests/consistency/graph.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace gyre::consistency {

void Graph::add(const Edge& edge) {
  if (edge.from != edge.to) out_[edge.from].push_back(edge);
}

// Tarjan's algorithm with a stack of its own: a history's longest way may have as many steps as it has
// transactions.
std::vector<std::uint32_t> Graph::components(const EdgeFilter& use) const {
  constexpr std::uint32_t kUnseen = 0;
  struct Frame {
    std::size_t node, next_edge;
  };
  std::vector<std::uint32_t> order(size(), kUnseen), low(size()), component(size());
  std::vector<char> on_stack(size());
  std::vector<std::size_t> stack;
  std::vector<Frame> frames;
  std::uint32_t counter = 0, components = 0;

  const auto enter = [&](std::size_t node) {
    order[node] = low[node] = ++counter;
    stack.push_back(node);
    on_stack[node] = 1;
    frames.push_back({node, 0});
  };
  const auto leave = [&](std::size_t node) {
    if (low[node] != order[node]) return;
    const bool alone = stack.back() == node;
    if (!alone) ++components;
    for (;;) {
      const std::size_t member = stack.back();
      stack.pop_back();
      on_stack[member] = 0;
      component[member] = alone ? 0 : components;
      if (member == node) return;
    }
  };

  for (std::size_t root = 0; root < size(); ++root) {
    if (order[root] != kUnseen) continue;
    enter(root);
    while (!frames.empty()) {
      const std::size_t node = frames.back().node;
      if (frames.back().next_edge < out_[node].size()) {
        const Edge& edge = out_[node][frames.back().next_edge++];
        if (!use(edge)) continue;
        if (order[edge.to] == kUnseen)
          enter(edge.to);
        else if (on_stack[edge.to])
          low[node] = std::min(low[node], order[edge.to]);
        continue;
      }
      leave(node);
      frames.pop_back();
      if (!frames.empty()) low[frames.back().node] = std::min(low[frames.back().node], low[node]);
    }
  }
  return component;
}

Cycle Graph::path(std::size_t start, std::size_t goal, const EdgeFilter& use) const {
  std::unordered_map<std::size_t, const Edge*> reached_by;
  std::deque<std::size_t> ahead{start};
  while (!ahead.empty() && !reached_by.contains(goal)) {
    const std::size_t node = ahead.front();
    ahead.pop_front();
    for (const Edge& edge : out_[node])
      if (edge.to != start && use(edge) && reached_by.emplace(edge.to, &edge).second)
        ahead.push_back(edge.to);
  }
  Cycle way;
  for (auto step = reached_by.find(goal); step != reached_by.end();
       step = reached_by.find(step->second->from))
    way.push_back(*step->second);
  std::reverse(way.begin(), way.end());
  return way;
}

}  // namespace gyre::consistency
