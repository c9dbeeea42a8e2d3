// Types and what belongs to them. Every type that we have is there with its array type, although we have no
// arrays but text[]: drivers build their tables of types from these rows.
#include <string>

#include "adapter/catalog/system_groups.h"
#include "adapter/catalog/system_rows.h"

namespace gyre::adapter::system {

namespace {

using storage::TypeId;

// How PostgreSQL calls the four functions of a type: most are the type's name and "in", some have an
// underscore between.
std::string function_stem(const storage::TypeTraits& type) {
  switch (type.id) {
    case TypeId::date:
    case TypeId::numeric:
    case TypeId::timestamp:
    case TypeId::timestamptz:
    case TypeId::uuid:
    case TypeId::void_:
      return std::string(type.short_name) + "_";
    default:
      return std::string(type.short_name);
  }
}

bool has_modifiers(TypeId type) {
  return type == TypeId::varchar || type == TypeId::bpchar || type == TypeId::numeric ||
         type == TypeId::timestamp || type == TypeId::timestamptz;
}

struct TypeRow {
  std::uint32_t oid;
  std::string_view name;
  std::int16_t length;
  bool by_value;
  char kind;  // b: base, p: pseudo
  char category;
  bool preferred;
  std::string_view subscript;
  std::uint32_t element;
  std::uint32_t array;
  std::string_view input, output, receive, send, modifier_in, modifier_out;
  char align;
  char storage;
  std::uint32_t collation;
};

void emit_type(SystemScan& scan, const TypeRow& t) {
  emit(scan, {t.oid,
              t.name,
              kPgCatalogOid,
              kSystemRoleOid,
              t.length,
              t.by_value,
              t.kind,
              t.category,
              t.preferred,
              true,
              ',',
              0,
              t.subscript,
              t.element,
              t.array,
              t.input,
              t.output,
              t.receive,
              t.send,
              t.modifier_in,
              t.modifier_out,
              "-",
              t.align,
              t.storage,
              false,
              0,
              -1,
              0,
              t.collation,
              nullptr,
              nullptr,
              nullptr});
}

void emit_base_type(SystemScan& scan, const storage::TypeTraits& type) {
  const TypeLayout layout = layout_of_type(type.id);
  const std::string stem = function_stem(type);
  const auto name = [&](const char* suffix) { return scan.arena.copy(stem + suffix); };
  const bool modifiers = has_modifiers(type.id);
  const bool pseudo = type.id == TypeId::unknown || type.id == TypeId::void_;
  const std::string modifier_stem(type.short_name);
  emit_type(scan, {.oid = type.oid,
                   .name = type.short_name,
                   .length = type.id == TypeId::unknown ? std::int16_t{-2}
                             : type.id == TypeId::name  ? std::int16_t{64}
                             : type.id == TypeId::void_ ? std::int16_t{4}
                                                        : type.wire_size,
                   .by_value = layout.by_value,
                   .kind = pseudo ? 'p' : 'b',
                   .category = type.id == TypeId::void_ ? 'P' : type.category,
                   .preferred = type.preferred,
                   .subscript = type.id == TypeId::name ? "raw_array_subscript_handler" : "-",
                   .element = type.id == TypeId::name ? storage::traits(TypeId::char_).oid : 0,
                   .array = type.array_oid,
                   .input = name("in"),
                   .output = name("out"),
                   .receive = name("recv"),
                   .send = name("send"),
                   .modifier_in = modifiers ? scan.arena.copy(modifier_stem + "typmodin") : "-",
                   .modifier_out = modifiers ? scan.arena.copy(modifier_stem + "typmodout") : "-",
                   .align = layout.align,
                   .storage = layout.storage,
                   .collation = layout.collation});
}

void emit_array_type(SystemScan& scan, const storage::TypeTraits& element) {
  const TypeLayout layout = layout_of_type(element.id);
  const bool modifiers = has_modifiers(element.id);
  const std::string stem(element.short_name);
  emit_type(scan, {.oid = element.array_oid,
                   .name = scan.arena.copy("_" + stem),
                   .length = -1,
                   .by_value = false,
                   .kind = 'b',
                   .category = 'A',
                   .preferred = false,
                   .subscript = "array_subscript_handler",
                   .element = element.oid,
                   .array = 0,
                   .input = "array_in",
                   .output = "array_out",
                   .receive = "array_recv",
                   .send = "array_send",
                   .modifier_in = modifiers ? scan.arena.copy(stem + "typmodin") : "-",
                   .modifier_out = modifiers ? scan.arena.copy(stem + "typmodout") : "-",
                   .align = layout.align == 'd' ? 'd' : 'i',
                   .storage = 'x',
                   .collation = layout.collation});
}

void scan_types(SystemScan& scan) {
  for (std::size_t i = 0; i < storage::kTypeCount; ++i) {
    const storage::TypeTraits& type = storage::traits(static_cast<TypeId>(i));
    if (storage::is_array(type.id)) continue;  // comes with its element
    emit_base_type(scan, type);
    if (type.array_oid != 0) emit_array_type(scan, type);
  }
}

void scan_collations(SystemScan& scan) {
  const auto collation = [&](std::uint32_t oid, const char* name, char provider, std::int32_t encoding,
                             const char* locale) {
    const Value locale_value = locale == nullptr ? Value(nullptr) : Value(locale);
    emit(scan, {oid, name, kPgCatalogOid, kSystemRoleOid, provider, true, encoding, locale_value,
                locale_value, nullptr, nullptr});
  };
  collation(kDefaultCollationOid, "default", 'd', -1, nullptr);
  collation(kCCollationOid, "C", 'c', -1, "C");
  collation(951, "POSIX", 'c', -1, "POSIX");
}

}  // namespace

Relations type_relations() {
  return {
      {1247, "pg_catalog", "pg_type",
       columns_of("oid oid, typname name, typnamespace oid, typowner oid, typlen int2, "
                  "typbyval boolean, typtype \"char\", typcategory \"char\", "
                  "typispreferred boolean, typisdefined boolean, typdelim \"char\", typrelid oid, "
                  "typsubscript text, typelem oid, typarray oid, typinput text, typoutput text, "
                  "typreceive text, typsend text, typmodin text, typmodout text, typanalyze text, "
                  "typalign \"char\", typstorage \"char\", typnotnull boolean, typbasetype oid, "
                  "typtypmod int4, typndims int4, typcollation oid, typdefaultbin text, "
                  "typdefault text, typacl text[]"),
       scan_types},
      {3456, "pg_catalog", "pg_collation",
       columns_of("oid oid, collname name, collnamespace oid, collowner oid, "
                  "collprovider \"char\", collisdeterministic boolean, collencoding int4, "
                  "collcollate text, collctype text, colliculocale text, collversion text"),
       scan_collations},
  };
}

}  // namespace gyre::adapter::system
