// Any bytes as a parameter in binary. Input: the type, a modifier, the bytes. What is received is sent,
// received again and equal; its text is read as an equal value.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tests/fuzz/type_values.h"

namespace {

using namespace gyre;
using namespace gyre::fuzz;

void try_wire(const TypeTraits& type, std::uint32_t modifier, std::string_view wire) {
  Arena arena;
  Datum value;
  try {
    value = type.receive(wire, arena);
  } catch (const storage::Failure& failure) {
    GYRE_CHECK(!failure.message.empty());
    return;
  }
  if (is_slow(type, value)) return;
  check_binary_round_trip(type, value, arena);
  const TextStyle style;
  const std::string printed = text_of(type, value, style);
  const Datum back = type.parse(printed, style, arena);
  check_equal(type, value, back);
  GYRE_CHECK(text_of(type, back, style) == printed);
  check_modifier(type, value, modifier, (wire.size() & 1) != 0, arena);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 5) return 0;
  const TypeTraits& type = storage::traits(static_cast<TypeId>(data[0] % storage::kTypeCount));
  std::uint32_t modifier;
  std::memcpy(&modifier, data + 1, sizeof modifier);
  try_wire(type, modifier, {reinterpret_cast<const char*>(data) + 5, size - 5});
  return 0;
}
