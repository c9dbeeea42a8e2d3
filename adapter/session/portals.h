// A session's portals by name. The unnamed one is made and dropped with nearly every statement, so its object
// is kept for the next Bind, with the memory that it has.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "adapter/session/portal.h"

namespace gyre::adapter {

class Portals {
 public:
  // Null: there is none.
  Portal* find(std::string_view name) {
    if (name.empty()) return unnamed_.get();
    const auto found = named_.find(name);
    return found == named_.end() ? nullptr : found->second.get();
  }
  template <class Visit>
  void for_each(Visit visit) const {
    if (unnamed_ != nullptr) visit(*unnamed_);
    for (const auto& [name, portal] : named_) visit(*portal);
  }
  bool empty() const { return unnamed_ == nullptr && named_.empty(); }

  // An unused portal of this name, to be filled and added.
  std::unique_ptr<Portal> make(std::string_view name) {
    if (!name.empty() || spare_ == nullptr) return std::make_unique<Portal>(std::string(name));
    return std::move(spare_);
  }
  // Takes the place of the unnamed one; no other may be there.
  Portal& add(std::unique_ptr<Portal> portal) {
    Portal& added = *portal;
    if (added.name().empty()) {
      erase({});
      unnamed_ = std::move(portal);
    } else {
      named_.emplace(added.name(), std::move(portal));
    }
    return added;
  }
  void erase(std::string_view name) {
    if (!name.empty()) {
      const auto found = named_.find(name);
      if (found != named_.end()) named_.erase(found);
    } else if (unnamed_ != nullptr) {
      unnamed_->reset();
      spare_ = std::move(unnamed_);
    }
  }
  // Those made after the savepoint of this number.
  void erase_since(std::uint32_t savepoint) {
    if (unnamed_ != nullptr && unnamed_->savepoints_before >= savepoint) erase({});
    std::erase_if(named_, [&](const auto& entry) { return entry.second->savepoints_before >= savepoint; });
  }
  void clear() {
    erase({});
    named_.clear();
  }

 private:
  std::map<std::string, std::unique_ptr<Portal>, std::less<>> named_;
  std::unique_ptr<Portal> unnamed_;  // null: none is open
  std::unique_ptr<Portal> spare_;    // reset; null: none is kept
};

}  // namespace gyre::adapter
