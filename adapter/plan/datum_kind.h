#pragma once

#include "storage/type.h"

namespace gyre::adapter {

// Whether a Datum of the type points to bytes (storage/datum.h).
constexpr bool is_by_reference(storage::TypeId type) {
  using storage::TypeId;
  switch (type) {
    case TypeId::unknown:
    case TypeId::numeric:
    case TypeId::text:
    case TypeId::varchar:
    case TypeId::bpchar:
    case TypeId::name:
    case TypeId::bytea:
    case TypeId::uuid:
    case TypeId::text_array:
    case TypeId::int2_array:
    case TypeId::int4_array:
    case TypeId::int8_array:
    case TypeId::float8_array:
    case TypeId::uuid_array:
      return true;
    default:
      return false;
  }
}

}  // namespace gyre::adapter
