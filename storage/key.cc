#include "storage/key.h"

#include <cmath>

namespace gyre::storage {

void append_key_column(Type type, Datum value, OutBuffer& key) {
  if (value.null) {
    append_null_key(key);
    return;
  }
  key.append_byte(kKeyValue);
  traits(type).append_key(value, key);
}

void append_key_double(double value, OutBuffer& key) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  if (value == 0) value = 0;  // -0 equals 0
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value))
    bits = ~std::uint64_t{0};
  else
    bits = (bits & kSign) != 0 ? ~bits : bits | kSign;
  key.append_u64(bits);
}

void append_key_bytes(std::string_view bytes, OutBuffer& key) {
  while (!bytes.empty()) {
    const std::size_t zero = bytes.find('\0');
    if (zero == std::string_view::npos) {
      key.append(bytes);
      break;
    }
    key.append(bytes.substr(0, zero + 1));
    key.append_byte('\xff');
    bytes.remove_prefix(zero + 1);
  }
  key.append(std::string_view("\0\0", 2));
}

}  // namespace gyre::storage
