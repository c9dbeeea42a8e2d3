#include "storage/type.h"

#include <array>
#include <utility>

#include "storage/types/all.h"
#include "storage/types/input.h"

namespace gyre::storage {

namespace {

// In the order of TypeId.
constexpr std::array<const TypeTraits*, kTypeCount> kTypes = {
    &kUnknownTraits,     &kBooleanTraits,   &kInt2Traits,      &kInt4Traits,      &kInt8Traits,
    &kFloat4Traits,      &kFloat8Traits,    &kNumericTraits,   &kTextTraits,      &kVarcharTraits,
    &kBpcharTraits,      &kNameTraits,      &kByteaTraits,     &kDateTraits,      &kTimestampTraits,
    &kTimestamptzTraits, &kUuidTraits,      &kOidTraits,       &kRegclassTraits,  &kRegtypeTraits,
    &kCharTraits,        &kTextArrayTraits, &kInt2ArrayTraits, &kInt4ArrayTraits, &kInt8ArrayTraits,
    &kFloat8ArrayTraits, &kUuidArrayTraits, &kVoidTraits,
};

// Names that are neither the type's name nor its short name. Plain `char` is the grammar's char(1);
// pg_catalog's "char" is the short name of the one-byte type.
constexpr std::pair<std::string_view, TypeId> kOtherNames[] = {
    {"int", TypeId::int4},     {"decimal", TypeId::numeric},     {"dec", TypeId::numeric},
    {"float", TypeId::float8}, {"timestamp", TypeId::timestamp}, {"_text", TypeId::text_array},
};

// "(3)" between the words of a timestamp's name.
std::string timestamp_name(Type type, std::string_view words) {
  std::string name = "timestamp";
  if (type.typmod >= 0) name += "(" + std::to_string(type.typmod) + ")";
  return name.append(words);
}

}  // namespace

const TypeTraits& traits(TypeId id) {
  return *kTypes[static_cast<std::size_t>(id)];
}

TypeId type_by_oid(std::uint32_t oid) {
  for (const TypeTraits* type : kTypes)
    if (type->oid == oid) return type->id;
  return TypeId::unknown;
}

TypeId type_by_name(std::string_view name) {
  for (const TypeTraits* type : kTypes)
    if (type->short_name == name || type->name == name) return type->id;
  for (const auto& [other, id] : kOtherNames)
    if (other == name) return id;
  return TypeId::count_;
}

std::string format_type(Type type) {
  std::string name(traits(type).name);
  switch (type.id) {
    case TypeId::varchar:
      return type.typmod < 4 ? name : name + "(" + std::to_string(type.typmod - 4) + ")";
    case TypeId::bpchar:
      // char(n) without n is not SQL's character, which is character(1).
      return type.typmod < 4 ? "bpchar" : name + "(" + std::to_string(type.typmod - 4) + ")";
    case TypeId::numeric: {
      if (type.typmod < 4) return name;
      const std::int32_t packed = type.typmod - 4;
      const std::int32_t scale = ((packed & 0x7ff) ^ 1024) - 1024;  // 11 bits, signed
      return name + "(" + std::to_string((packed >> 16) & 0xffff) + "," + std::to_string(scale) + ")";
    }
    case TypeId::timestamp:
      return timestamp_name(type, " without time zone");
    case TypeId::timestamptz:
      return timestamp_name(type, " with time zone");
    default:
      return name;
  }
}

}  // namespace gyre::storage
