// Two lookups at most. The first, by text, is a hash of the text and one probe; it serves everything that is
// sent again and again to the letter. The second costs a pass over the text (sql/literals.h) and serves
// statements with ever new literals; parsing and planning instead would cost twenty times as much.
//
// An entry of an older catalog is dropped when it is found: nothing has to look for what a DDL made invalid.
// That also makes REVOKE and DROP take effect at once on every connection, since the version they publish is
// loaded for each statement.
#define XXH_INLINE_ALL
#include "adapter/plan_cache.h"

#include <xxhash.h>

#include "reactor/base/check.h"

namespace gyre::adapter {

namespace {
constexpr std::uint64_t kTextSeed = 0;
constexpr std::uint64_t kShapeSeed = 0x9e3779b97f4a7c15;
constexpr std::size_t kEntryOverhead = 512;  // map slot, encoder, allocator
constexpr std::size_t kMostEnvironments = 4096;
}  // namespace

PlanCache::~PlanCache() {
  while (oldest_ != nullptr) remove(oldest_);
}

std::uint64_t PlanCache::hash_of(std::string_view text, const Key& key, std::uint64_t seed) {
  std::uint64_t hash = XXH3_64bits_withSeed(text.data(), text.size(), seed + key.environment.value);
  if (!key.parameter_types.empty())
    hash = XXH3_64bits_withSeed(key.parameter_types.data(), key.parameter_types.size(), hash);
  return hash;
}

CachedStatement* PlanCache::find(const Key& key) {
  literals_.clear();
  if (CachedStatement* entry = find_exact(hash_of(key.text, key, kTextSeed), key.text, key, false)) {
    ++counters_.hits;
    return entry;
  }
  arena_.reset();
  has_shape_ = scan_literals(key.text, shape_, literals_, arena_) && !literals_.empty();
  if (has_shape_ && shaped_ != 0) {
    if (CachedStatement* entry = find_exact(hash_of(shape_, key, kShapeSeed), shape_, key, true)) {
      ++counters_.shape_hits;
      return entry;
    }
  }
  ++counters_.misses;
  return nullptr;
}

CachedStatement* PlanCache::find_exact(std::uint64_t hash, std::string_view text, const Key& key,
                                       bool by_shape) {
  const auto place = by_hash_.find(hash);
  if (place == by_hash_.end()) return nullptr;
  for (CachedStatement *entry = place->second, *next; entry != nullptr; entry = next) {
    next = entry->same_hash;
    if (entry->key_text != text || entry->environment != key.environment ||
        entry->parameter_types != key.parameter_types)
      continue;
    if (by_shape != (entry->literal_count != 0) || (by_shape && !literals_match(*entry, key.text))) continue;
    if (entry->catalog_version == key.catalog_version) {
      ++entry->uses;
      touch(entry);
      return entry;
    }
    // A transaction that reads an older snapshot must not drive out what everyone else uses.
    if (entry->catalog_version > key.catalog_version) continue;
    ++counters_.stale;
    remove(entry);
  }
  return nullptr;
}

bool PlanCache::literals_match(const CachedStatement& entry, std::string_view text) const {
  if (entry.literal_count != literals_.size()) return false;
  for (const auto& [slot, source] : entry.fixed_literals) {
    const LiteralToken& token = literals_[slot];
    if (text.substr(token.begin, token.end - token.begin) != source) return false;
  }
  return true;
}

CachedStatement* PlanCache::insert(const Key& key, std::unique_ptr<CachedStatement> statement,
                                   bool by_shape) {
  GYRE_DCHECK(!by_shape || has_shape_);
  CachedStatement* entry = statement.release();
  entry->key_text = by_shape ? std::string_view(shape_) : key.text;
  entry->hash = hash_of(entry->key_text, key, by_shape ? kShapeSeed : kTextSeed);
  entry->parameter_types = key.parameter_types;
  entry->environment = key.environment;
  entry->catalog_version = key.catalog_version;
  entry->literal_count = by_shape ? literals_.size() : 0;
  if (by_shape) {
    for (std::size_t slot = 0; slot < literals_.size(); ++slot)
      if (slot >= entry->plan->literal_fixed.size() || entry->plan->literal_fixed[slot])
        entry->fixed_literals.emplace_back(
            slot, key.text.substr(literals_[slot].begin, literals_[slot].end - literals_[slot].begin));
    ++shaped_;
  }
  entry->footprint = kEntryOverhead + entry->key_text.size() + entry->row_description.size() +
                     (entry->plan != nullptr ? entry->plan->footprint : 0);
  CachedStatement*& head = by_hash_[entry->hash];
  entry->same_hash = head;
  head = entry;
  entry->cached = true;
  entry->serial = ++serials_;
  bytes_ += entry->footprint;
  ++entries_;
  link_newest(entry);
  ++entry->references;  // the new entry itself must survive the eviction
  evict();
  --entry->references;
  return entry;
}

PlanCache::Texts PlanCache::texts(std::size_t most) const {
  Texts texts;
  for_each_newest(most, [&](const CachedStatement& entry) { texts.emplace(entry.serial, entry.key_text); });
  return texts;
}

EnvironmentId PlanCache::intern(const std::string& environment) {
  // A client can make up any number of them. Numbers are not given out twice, so plans of forgotten ones are
  // merely not found again.
  if (environments_.size() >= kMostEnvironments) environments_.clear();
  const auto [place, is_new] = environments_.emplace(environment, next_environment_);
  if (is_new) ++next_environment_;
  return EnvironmentId(place->second);
}

void PlanCache::touch(CachedStatement* entry) {
  if (entry == newest_) return;
  unlink(entry);
  link_newest(entry);
}

void PlanCache::link_newest(CachedStatement* entry) {
  entry->newer = nullptr;
  entry->older = newest_;
  if (newest_ != nullptr) newest_->newer = entry;
  newest_ = entry;
  if (oldest_ == nullptr) oldest_ = entry;
}

void PlanCache::unlink(CachedStatement* entry) {
  (entry->newer != nullptr ? entry->newer->older : newest_) = entry->older;
  (entry->older != nullptr ? entry->older->newer : oldest_) = entry->newer;
}

void PlanCache::remove(CachedStatement* entry) {
  unlink(entry);
  const auto place = by_hash_.find(entry->hash);
  GYRE_CHECK(place != by_hash_.end());
  CachedStatement** link = &place.value();
  while (*link != entry) link = &(*link)->same_hash;
  *link = entry->same_hash;
  if (place->second == nullptr) by_hash_.erase(place);
  bytes_ -= entry->footprint;
  --entries_;
  if (entry->literal_count != 0) --shaped_;
  entry->cached = false;
  if (entry->references == 0) delete entry;
}

void PlanCache::evict() {
  while (bytes_ > byte_limit_ && oldest_ != nullptr && (oldest_ != newest_ || byte_limit_ == 0)) {
    ++counters_.evictions;
    remove(oldest_);
  }
}

}  // namespace gyre::adapter
