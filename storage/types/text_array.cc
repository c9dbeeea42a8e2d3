// text[]: carried in its printed form {a,b} by system functions; not stored, so that it orders by that form
// is enough.
#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

constinit const TypeTraits kTextArrayTraits{
    .id = TypeId::text_array,
    .oid = 1009,
    .array_oid = 0,
    .name = "text[]",
    .short_name = "_text",
    .wire_size = -1,
    .category = 'A',
    .preferred = false,
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
