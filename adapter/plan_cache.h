// The plan cache of one shard, shared by all its connections and by the simple and the extended protocol.
//
// What is kept: plans, the syntax trees of statements that are not planned, RowDescription bytes, row
// encoders. Never a row, never an answer.
//
//   key       := (text or shape, declared parameter types, environment)    compared whole, found by a 64-bit
//   hash validity  := catalog version
//
// A text is looked up as it is; failing that by its shape, where every literal is a marker (sql/literals.h).
// An entry found by shape serves all literals of the same kinds, except those its plan depends on, which must
// be the same. Environments are the settings and the role that plans depend on, interned to small numbers.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "adapter/plan/plan.h"
#include "adapter/row_encoder.h"
#include "adapter/sql/ast.h"
#include "adapter/sql/literals.h"
#include "adapter/sql/normalize.h"

namespace gyre::adapter {

using EnvironmentId = StrongId<struct EnvironmentTag, std::uint32_t>;

// A statement made ready on this shard. Immutable but for the cache's bookkeeping.
struct CachedStatement {
  std::unique_ptr<const Plan> plan;            // null: a statement that is carried out from its tree
  std::unique_ptr<const ast::Statement> tree;  // null for planned statements, and for an empty text
  std::string row_description;  // the message with every column in text format; empty: no columns
  RowEncoder text_encoder;      // every column in text format
  std::uint64_t catalog_version = 0;
  EnvironmentId environment;
  std::size_t literal_count = 0;  // of the shape; 0 for an entry by text
  std::uint64_t parse_ticks = 0;  // how long the parser took, where it was asked; of SpanClock
  // Made when it is first asked for, which few statements are.
  std::unique_ptr<const NormalizedStatement> normalized;

  bool is_empty() const { return plan == nullptr && tree == nullptr; }

  // The cache's own.
  std::uint64_t hash = 0;
  std::string key_text;                                             // text or shape
  std::string parameter_types;                                      // as on the wire
  std::vector<std::pair<std::size_t, std::string>> fixed_literals;  // slot, source text
  std::size_t footprint = 0;
  std::uint64_t uses = 0;        // found in the cache
  std::uint64_t serial = 0;      // of all that the cache ever had, from 1; 0: it was never in it
  std::uint32_t references = 0;  // by StatementRef
  bool cached = false;
  CachedStatement* same_hash = nullptr;
  CachedStatement* newer = nullptr;  // in order of last use
  CachedStatement* older = nullptr;
};

// A text or shape, clipped to what is shown of a statement, its markers as $1, $2, …; nothing of what may be a
// password.
std::string readable_shape(std::string_view text);

// Keeps a statement alive while it is used, also when the cache drops it meanwhile. One core only.
class StatementRef {
 public:
  StatementRef() = default;
  explicit StatementRef(CachedStatement* statement) : statement_(statement) {
    if (statement_ != nullptr) ++statement_->references;
  }
  StatementRef(const StatementRef& other) : StatementRef(other.statement_) {}
  StatementRef(StatementRef&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  StatementRef& operator=(StatementRef other) noexcept {
    std::swap(statement_, other.statement_);
    return *this;
  }
  ~StatementRef() {
    if (statement_ != nullptr && --statement_->references == 0 && !statement_->cached) delete statement_;
  }
  explicit operator bool() const { return statement_ != nullptr; }
  const CachedStatement* operator->() const { return statement_; }
  const CachedStatement& operator*() const { return *statement_; }
  CachedStatement* get() const { return statement_; }

 private:
  CachedStatement* statement_ = nullptr;
};

class PlanCache {
 public:
  struct Counters {
    std::uint64_t hits = 0;        // by text
    std::uint64_t shape_hits = 0;  // by shape
    std::uint64_t misses = 0;
    std::uint64_t stale = 0;  // found, but of an older catalog
    std::uint64_t evictions = 0;
  };

  // What was used last may be larger than the limit; with 0 nothing is kept.
  explicit PlanCache(std::size_t byte_limit) : byte_limit_(byte_limit) {}
  PlanCache(const PlanCache&) = delete;
  PlanCache& operator=(const PlanCache&) = delete;
  ~PlanCache();

  // What is asked for. `parameter_types`: the oids that Parse declared, as on the wire.
  struct Key {
    std::string_view text;
    std::string_view parameter_types;
    EnvironmentId environment;
    std::uint64_t catalog_version;
  };

  // Null: not there. With an entry by shape, literals() are the text's; otherwise they are empty.
  CachedStatement* find(const Key& key);
  // The literals of the last find(); views into the text and into scratch that the next find() overwrites.
  std::span<const LiteralToken> literals() const { return literals_; }
  void clear_literals() { literals_.clear(); }

  // Takes a new statement in, under its text or, where `by_shape` and the last find() of the same key found
  // the text to have a shape, under that. Evicts what was used longest ago.
  CachedStatement* insert(const Key& key, std::unique_ptr<CachedStatement> statement, bool by_shape);
  // Whether the text of the last failed find() can be planned with its literals as parameters.
  bool has_shape() const { return has_shape_; }

  // The number of an environment; equal texts, equal numbers.
  EnvironmentId intern(const std::string& environment);

  // The texts or shapes of what is there, by serial; valid until the next change.
  using Texts = std::unordered_map<std::uint64_t, std::string_view>;
  // `most`: of those used last.
  Texts texts(std::size_t most = SIZE_MAX) const;
  // visit(const CachedStatement&), those used last first.
  template <class Visit>
  void for_each_newest(std::size_t most, Visit&& visit) const {
    for (const CachedStatement* entry = newest_; entry != nullptr && most-- != 0; entry = entry->older)
      visit(*entry);
  }

  const Counters& counters() const { return counters_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return entries_; }

 private:
  struct IdentityHash {
    std::size_t operator()(std::uint64_t hash) const { return hash; }
  };
  static std::uint64_t hash_of(std::string_view text, const Key& key, std::uint64_t seed);
  CachedStatement* find_exact(std::uint64_t hash, std::string_view text, const Key& key, bool by_shape);
  bool literals_match(const CachedStatement& entry, std::string_view text) const;
  void touch(CachedStatement* entry);
  void link_newest(CachedStatement* entry);
  void unlink(CachedStatement* entry);
  void remove(CachedStatement* entry);
  void evict();

  const std::size_t byte_limit_;
  tsl::robin_map<std::uint64_t, CachedStatement*, IdentityHash> by_hash_;
  CachedStatement* newest_ = nullptr;
  CachedStatement* oldest_ = nullptr;
  std::size_t bytes_ = 0;
  std::size_t entries_ = 0;
  std::uint64_t serials_ = 0;
  std::size_t shaped_ = 0;  // entries by shape: none, no need to look for shapes
  Counters counters_;
  tsl::robin_map<std::string, std::uint32_t> environments_;
  std::uint32_t next_environment_ = 0;

  // Scratch of find().
  std::string shape_;
  std::vector<LiteralToken> literals_;
  Arena arena_;
  bool has_shape_ = false;
};

}  // namespace gyre::adapter
