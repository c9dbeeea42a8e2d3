// What the coordinator begins with: nothing, or what recovery found.
#pragma once

#include <memory>
#include <utility>

#include "adapter/catalog/catalog.h"
#include "reactor/base/ids.h"
#include "storage/database.h"

namespace gyre::adapter {

// Owns the database until someone takes it.
struct InitialState {
  // An empty database with this catalog.
  InitialState(Catalog first) : catalog(std::move(first)) {}
  InitialState(Catalog recovered, std::unique_ptr<const storage::Database> contents, Timestamp newest)
      : catalog(std::move(recovered)), database(std::move(contents)), timestamp(newest) {}
  InitialState(InitialState&&) = default;
  InitialState& operator=(InitialState&&) = delete;
  ~InitialState() { storage::free_database(std::move(database)); }

  Catalog catalog;
  std::unique_ptr<const storage::Database> database = std::make_unique<storage::Database>();
  Timestamp timestamp{1};  // at or above the newest commit's; published with it, and all that follow are above
};

}  // namespace gyre::adapter
