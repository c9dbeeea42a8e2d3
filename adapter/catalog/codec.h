// The catalog as bytes, for commit records and checkpoints.
//
//   catalog_change := format catalog item*
//   format         := varint, kCatalogFormat
//   catalog        := the fields that every change writes: version, next_oid, …
//   item           := u8 kind, u8 action, key, value      value: only where action is `put`
//
// A change leads from one catalog to the next: entries that were added or are different now are put, others
// removed. A whole catalog is the change from Catalog() to it. Entries are shared between versions, so equal
// pointers are equal entries, and writing a change costs a walk over the names.
//
// Expressions are not written: their texts are, and recovery binds them again (adapter/durability).
//
// Whoever adds a field to Catalog or to a struct in it adds it to the list of fields in codec.cc; the
// compiler asks for it. A new kind of entry takes a number in ItemKind and one line in each of write_change
// and read_item. Fields that older files lack change kCatalogFormat.
#pragma once

#include <cstdint>
#include <string_view>

#include "adapter/catalog/catalog.h"
#include "reactor/base/byte_codec.h"
#include "reactor/base/out_buffer.h"

namespace gyre::adapter {

inline constexpr std::uint32_t kCatalogFormat = 2;

// Appends the change from `before` to `after`.
void encode_catalog_change(const Catalog& before, const Catalog& after, OutBuffer& out);

// The number that a change begins with, of whatever version.
std::uint32_t catalog_format(std::string_view bytes);

// Makes the catalog that the change was made from the one it leads to. Entries have texts in place of
// expressions.
Decoding apply_catalog_change(std::string_view bytes, Catalog& catalog);

}  // namespace gyre::adapter
