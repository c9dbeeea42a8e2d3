// text: any run of characters, ordered by bytes (the C collation).
#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

constinit const TypeTraits kTextTraits{
    .id = TypeId::text,
    .oid = 25,
    .array_oid = 1009,
    .name = "text",
    .short_name = "text",
    .wire_size = -1,
    .category = 'S',
    .preferred = true,
    .slot_size = 0,
    .parse = text_family::parse,
    .print = text_family::print,
    .receive = text_family::receive,
    .send = text_family::send,
    .compare = text_family::compare,
    .append_key = text_family::append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
