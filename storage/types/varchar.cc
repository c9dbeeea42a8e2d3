// varchar(n): text of at most n characters.
#include <string>

#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

namespace {

Datum apply_typmod(Datum value, std::int32_t typmod, bool explicit_cast, Arena&) {
  if (typmod < 4) return value;
  const auto limit = static_cast<std::size_t>(typmod - 4);
  const std::string_view text = value.bytes();
  if (text.size() <= limit) return value;
  const std::size_t kept = prefix_bytes(text, limit);
  if (!explicit_cast && !trim_trailing_spaces(text.substr(kept)).empty())
    throw Failure(Fault::string_data_right_truncation,
                  "value too long for type character varying(" + std::to_string(limit) + ")");
  return Datum::of_bytes(text.substr(0, kept));
}

}  // namespace

constinit const TypeTraits kVarcharTraits{
    .id = TypeId::varchar,
    .oid = 1043,
    .array_oid = 1015,
    .name = "character varying",
    .short_name = "varchar",
    .wire_size = -1,
    .category = 'S',
    .preferred = false,
    .slot_size = 0,
    .parse = text_family::parse,
    .print = text_family::print,
    .receive = text_family::receive,
    .send = text_family::send,
    .compare = text_family::compare,
    .append_key = text_family::append_key,
    .apply_typmod = apply_typmod,
};

}  // namespace gyre::storage
