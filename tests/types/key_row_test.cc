// Random values: keys order as compare() does, rows and the binary format give back what was put in.
#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "storage/key.h"
#include "storage/row.h"
#include "storage/types/calendar.h"
#include "tests/types/support.h"

namespace gyre::storage::test {
namespace {

constexpr TypeId kStored[] = {
    TypeId::boolean, TypeId::int2,      TypeId::int4,        TypeId::int8,   TypeId::float4, TypeId::float8,
    TypeId::numeric, TypeId::text,      TypeId::varchar,     TypeId::bpchar, TypeId::name,   TypeId::bytea,
    TypeId::date,    TypeId::timestamp, TypeId::timestamptz, TypeId::uuid,   TypeId::oid,    TypeId::char_};

class Generator {
 public:
  Generator(std::uint64_t seed, Arena& arena) : random_(seed), arena_(arena) {}

  std::int64_t below(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }

  Datum value(TypeId id) {
    switch (id) {
      case TypeId::boolean:
        return Datum::of_bool(below(2) == 0);
      case TypeId::int2:
        return Datum::of_integer(static_cast<std::int16_t>(integer()));
      case TypeId::int4:
        return Datum::of_integer(static_cast<std::int32_t>(integer()));
      case TypeId::int8:
        return Datum::of_integer(integer());
      case TypeId::oid:
        return Datum::of_integer(static_cast<std::uint32_t>(integer()));
      case TypeId::char_:
        return Datum::of_integer(static_cast<std::int8_t>(random_()));
      case TypeId::float4:
        return Datum::of_real(static_cast<double>(static_cast<float>(real())));
      case TypeId::float8:
        return Datum::of_real(real());
      case TypeId::date:
        return Datum::of_integer(below(10) == 0 ? kDateInfinity : below(100000) - 50000);
      case TypeId::timestamp:
      case TypeId::timestamptz:
        return Datum::of_integer(below(10) == 0 ? kTimestampMinusInfinity : below(kTimestampEnd));
      case TypeId::uuid:
        return Datum::of_bytes(arena_.copy(bytes(16, 0, 255)));
      case TypeId::numeric:
        return traits(id).parse(number(), {}, arena_);
      case TypeId::bytea:
        return Datum::of_bytes(arena_.copy(bytes(below(6), 0, 2)));
      default:
        return Datum::of_bytes(arena_.copy(bytes(below(6), ' ', '#')));
    }
  }

 private:
  std::int64_t integer() { return below(2) == 0 ? below(7) - 3 : static_cast<std::int64_t>(random_()); }
  double real() {
    constexpr double kOdd[] = {0.0, -0.0, 1, -1, HUGE_VAL, -HUGE_VAL, NAN, 1e-320};
    if (below(3) == 0) return kOdd[below(8)];
    const auto drawn = std::bit_cast<float>(static_cast<std::uint32_t>(random_()));
    return static_cast<double>(drawn);
  }
  std::string bytes(std::int64_t count, int first, int last) {
    std::string drawn;
    for (; count > 0; --count) drawn += static_cast<char>(first + below(last - first + 1));
    return drawn;
  }
  std::string_view number() {
    constexpr std::string_view kOdd[] = {"NaN", "Infinity", "-Infinity", "0",  "0.00",
                                         "1.0", "-1",       "1",         "10", "0.1"};
    if (below(4) == 0) return kOdd[below(10)];
    std::string text = below(2) == 0 ? "-" : "";
    text += bytes(1 + below(below(3) == 0 ? 50 : 4), '0', '9');
    if (below(2) == 0) text += "." + bytes(1 + below(below(3) == 0 ? 50 : 4), '0', '9');
    return arena_.copy(text);
  }

  std::mt19937_64 random_;
  Arena& arena_;
};

std::string key_of(TypeId id, Datum value) {
  OutBuffer key;
  append_key_column(id, value, key);
  return std::string(key.view());
}

int sign(int order) {
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

TEST(TypesRandom, KeysOrderAsCompareDoes) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Arena arena;
  Generator draw(seed, arena);
  for (const TypeId id : kStored) {
    for (int i = 0; i < 3000; ++i) {
      const Datum left = draw.value(id);
      const Datum right = draw.value(id);
      const std::string left_key = key_of(id, left);
      const std::string right_key = key_of(id, right);
      ASSERT_EQ(sign(left_key.compare(right_key)), sign(traits(id).compare(left, right)))
          << traits(id).name << " '" << shown(id, left) << "' '" << shown(id, right) << "'";
      ASSERT_TRUE(left_key == right_key ||
                  !(left_key.starts_with(right_key) || right_key.starts_with(left_key)));
      ASSERT_LT(left_key, key_of(id, Datum())) << "nulls come last";
    }
  }
}

TEST(TypesRandom, BinaryGivesBackTheValue) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Arena arena;
  Generator draw(seed, arena);
  for (const TypeId id : kStored) {
    for (int i = 0; i < 1000; ++i) {
      Datum value = draw.value(id);
      OutBuffer wire;
      traits(id).send(value, wire);
      const Datum back = traits(id).receive(wire.view(), arena);
      ASSERT_EQ(shown(id, back), shown(id, value)) << traits(id).name;
      const Datum reread = traits(id).parse(arena.copy(shown(id, value)), {}, arena);
      ASSERT_EQ(shown(id, reread), shown(id, value)) << traits(id).name;
      if (traits(id).wire_size > 0 && id != TypeId::name) {
        EXPECT_THROW(traits(id).receive(wire.view().substr(1), arena), Failure);
        wire.append_byte(0);
        EXPECT_THROW(traits(id).receive(wire.view(), arena), Failure);
      }
    }
  }
}

TEST(TypesRandom, RowsGiveBackTheirColumns) {
  const std::uint64_t seed = test_seed();
  SCOPED_TRACE("GYRE_TEST_SEED=" + std::to_string(seed));
  Arena arena;
  Generator draw(seed, arena);
  for (int round = 0; round < 500; ++round) {
    std::vector<Type> columns;
    std::vector<Datum> values;
    for (std::int64_t count = draw.below(20); count > 0; --count) {
      columns.emplace_back(kStored[draw.below(std::size(kStored))]);
      values.push_back(draw.below(4) == 0 ? Datum() : draw.value(columns.back().id));
    }
    const RowLayout layout(columns);
    OutBuffer row;
    layout.pack(values, row);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const Datum back = layout.get(row.data(), i);
      ASSERT_EQ(back.null, values[i].null);
      if (back.null) continue;
      ASSERT_EQ(shown(columns[i].id, back), shown(columns[i].id, values[i]));
    }
  }
}

}  // namespace
}  // namespace gyre::storage::test
