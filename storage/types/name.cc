// name: identifiers of up to 63 bytes, in system relations.
#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

namespace {

constexpr std::size_t kNameBytesMax = 63;

Datum parse(std::string_view text, const TextStyle&, Arena&) {
  return Datum::of_bytes(clip_bytes(text, kNameBytesMax));
}

Datum receive(std::string_view wire, Arena&) {
  check_utf8(wire);
  return Datum::of_bytes(clip_bytes(wire, kNameBytesMax));
}

}  // namespace

constinit const TypeTraits kNameTraits{
    .id = TypeId::name,
    .oid = 19,
    .array_oid = 1003,
    .name = "name",
    .short_name = "name",
    .wire_size = 64,
    .category = 'S',
    .preferred = false,
    .slot_size = 0,
    .parse = parse,
    .print = text_family::print,
    .receive = receive,
    .send = text_family::send,
    .compare = text_family::compare,
    .append_key = text_family::append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
