// Frees what a commit took out of the database, a part at a time: a dropped table's tree may be millions of
// blocks, and the core that frees them has commits to do meanwhile. The oracle core's.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "storage/database.h"

namespace gyre::storage {

// Frees the last of these nodes, with the values that only it has, and puts its children there. Returns how
// many blocks it freed.
std::size_t free_top(std::vector<const tree::Node*>& open);

class Retirement {
 public:
  explicit Retirement(std::unique_ptr<Retired> retired) : retired_(std::move(retired)) {}
  Retirement(const Retirement&) = delete;
  Retirement& operator=(const Retirement&) = delete;
  // Frees what is left.
  ~Retirement();

  // Frees about `limit` blocks. Returns how many; fewer than that: everything.
  std::size_t free_some(std::size_t limit);

 private:
  std::unique_ptr<Retired> retired_;
  std::vector<const tree::Node*> open_;  // of the tree that is being freed: with all that is below them
};

}  // namespace gyre::storage
