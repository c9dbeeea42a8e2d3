// Any text as a value of any type, as a client may write it in a literal or a parameter. Input: the type, how
// dates and numbers are printed, a modifier, the text. What is read is printed, read again and equal; it can
// be sent and received; its key is that of the value that came back.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "storage/types/time_zone.h"
#include "storage/types/utf8.h"
#include "tests/fuzz/type_values.h"

namespace {

using namespace gyre;
using namespace gyre::fuzz;

TextStyle style_from(std::uint8_t choice) {
  TextStyle style;
  style.date_format = static_cast<storage::DateFormat>(choice & 3);
  // The others print month or day first, whatever is read first; German always the day.
  const int orders = style.date_format == storage::DateFormat::iso ? 3 : 2;
  style.date_order = style.date_format == storage::DateFormat::german
                         ? storage::DateOrder::dmy
                         : static_cast<storage::DateOrder>((choice >> 2) % orders);
  style.bytea = (choice & 0x10) != 0 ? storage::ByteaFormat::escape : storage::ByteaFormat::hex;
  style.extra_float_digits = (choice & 0x20) != 0 ? -3 : 1;
  // Abbreviations of zones, which the other formats print, do not tell which zone they mean.
  if ((choice & 0x40) != 0 && style.date_format == storage::DateFormat::iso)
    style.zone = storage::TimeZone::find("America/New_York");
  return style;
}

bool is_text(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  try {
    storage::check_utf8(text);
  } catch (const storage::Failure&) {
    return false;
  }
  return true;
}

// Rounded digits are another number, which is printed as it was.
bool is_exact(TypeId id, const TextStyle& style) {
  const bool is_float = id == TypeId::float4 || id == TypeId::float8 || id == TypeId::float8_array;
  return !is_float || style.extra_float_digits > 0;
}

void try_text(const TypeTraits& type, const TextStyle& style, std::uint32_t modifier, std::string_view text) {
  Arena arena;
  Datum value;
  try {
    value = type.parse(text, style, arena);
  } catch (const storage::Failure& failure) {
    GYRE_CHECK(!failure.message.empty());
    return;
  }
  if (is_slow(type, value)) return;
  const std::string printed = text_of(type, value, style);
  const Datum back = type.parse(printed, style, arena);
  GYRE_CHECK(text_of(type, back, style) == printed);
  if (is_exact(type.id, style)) check_equal(type, value, back);
  check_binary_round_trip(type, value, arena);
  check_modifier(type, value, modifier, (text.size() & 1) != 0, arena);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 6) return 0;
  const TypeTraits& type = storage::traits(static_cast<TypeId>(data[0] % storage::kTypeCount));
  std::uint32_t modifier;
  std::memcpy(&modifier, data + 2, sizeof modifier);
  const std::string_view text(reinterpret_cast<const char*>(data) + 6, size - 6);
  if (is_text(text)) try_text(type, style_from(data[1]), modifier, text);
  return 0;
}
