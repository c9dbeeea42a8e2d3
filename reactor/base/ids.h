// Ids and other numbers that must not be mixed up each have a type of their own.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace gyre {

// A number of one kind. Tag makes two kinds incompatible; Value is the representation.
template <class Tag, class Value>
struct StrongId {
  Value value{};

  constexpr StrongId() = default;
  constexpr explicit StrongId(Value v) : value(v) {}
  constexpr auto operator<=>(const StrongId&) const = default;
};

// A core's position in the server's list of shards (not the kernel's processor number).
using ShardId = StrongId<struct ShardTag, std::uint16_t>;

// A table, index or view; dense, never used twice in the life of a data directory.
using RelationId = StrongId<struct RelationTag, std::uint32_t>;

// Microseconds since the Unix epoch, made strictly increasing by the oracle. 0 is "before everything".
using Timestamp = StrongId<struct TimestampTag, std::uint64_t>;

inline constexpr Timestamp kTimestampMax{UINT64_MAX};

}  // namespace gyre

template <class Tag, class Value>
struct std::hash<gyre::StrongId<Tag, Value>> {
  std::size_t operator()(gyre::StrongId<Tag, Value> id) const noexcept {
    return std::hash<Value>{}(id.value);
  }
};
