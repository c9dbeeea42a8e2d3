// What text, varchar, name and unknown do alike: bytes in, bytes out, ordered by bytes.
#pragma once

#include "storage/key.h"
#include "storage/type.h"
#include "storage/types/input.h"
#include "storage/types/utf8.h"

namespace gyre::storage::text_family {

inline Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_bytes(text);
}
inline void print(Datum value, const TextStyle&, OutBuffer& out) {
  out.append(value.bytes());
}
inline Datum receive(std::string_view wire, Arena&) {
  check_utf8(wire);
  return Datum::of_bytes(wire);
}
inline void send(Datum value, OutBuffer& out) {
  out.append(value.bytes());
}
inline int compare(Datum left, Datum right) {
  return compare_bytes(left.bytes(), right.bytes());
}
inline void append_key(Datum value, OutBuffer& key) {
  append_key_bytes(value.bytes(), key);
}

}  // namespace gyre::storage::text_family
