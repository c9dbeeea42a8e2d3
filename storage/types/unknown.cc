// unknown: a literal that has not found its type yet; behaves as text.
#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

constinit const TypeTraits kUnknownTraits{
    .id = TypeId::unknown,
    .oid = 705,
    .array_oid = 0,
    .name = "unknown",
    .short_name = "unknown",
    .wire_size = -2,
    .category = 'X',
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
