// One function per struct says which fields are written and in which order; the rest compares two catalogs,
// map by map.
#include "adapter/catalog/codec.h"

#include <algorithm>
#include <set>

#include "reactor/base/archive.h"
#include "storage/schema_codec.h"

namespace gyre::adapter {

// ---- The structs. The order of the fields is the format.

void fields(auto& archive, Is<AclItem> auto& item) {
  auto& [grantee, grantor, privileges, grantable] = item;
  archive(grantee, grantor, privileges, grantable);
}

void fields(auto& archive, Is<Membership> auto& membership) {
  auto& [role, grantor, admin] = membership;
  archive(role, grantor, admin);
}

void fields(auto& archive, Is<DatabaseEntry> auto& database) {
  auto& [owner, acl] = database;
  archive(owner, acl);
}

void fields(auto& archive, Is<DefaultAclKey> auto& key) {
  auto& [creator, schema, kind] = key;
  archive(creator, schema, kind);
}

void fields(auto& archive, Is<RoleSettingKey> auto& key) {
  auto& [in_database, role] = key;
  archive(in_database, role);
}

void fields(auto& archive, Is<Role> auto& role) {
  auto& [id, name, superuser, login, inherit, create_role, create_database, connection_limit, member_of,
         password, password_until_us] = role;
  archive(id, name, superuser, login, inherit, create_role, create_database, connection_limit, member_of,
          password, password_until_us);
}

// (The expression is bound again from its text.)
void fields(auto& archive, Is<ColumnDefault> auto& value) {
  auto& [expression, text, identity] = value;
  archive(text, identity);
}

void fields(auto& archive, Is<CheckConstraint> auto& check) {
  auto& [oid, name, expression, text, no_inherit, validated] = check;
  archive(oid, name, text, no_inherit, validated);
}

void fields(auto& archive, Is<ForeignKey> auto& key) {
  auto& [oid, name, columns, referenced, referenced_columns, match_full, on_update, on_delete,
         delete_set_columns, deferrable, deferred, validated] = key;
  archive(oid, name, columns, referenced, referenced_columns, match_full, on_update, on_delete,
          delete_set_columns, deferrable, deferred, validated);
}

void fields(auto& archive, Is<SequenceOptions> auto& sequence) {
  auto& [type, start, increment, minimum, maximum, cache, cycle, owner, identity] = sequence;
  storage::Type stored = type;
  archive(stored, start, increment, minimum, maximum, cache, cycle, owner, identity);
  if constexpr (std::remove_reference_t<decltype(archive)>::kReading) type = stored.id;
}

void fields(auto& archive, Is<TableEntry> auto& table) {
  auto& [schema, schema_name, owner, defaults, acl, column_acl, checks, foreign_keys, sequence, comments] =
      table;
  archive(schema, schema_name, owner, defaults, acl, column_acl, checks, foreign_keys, sequence, comments);
}

void fields(auto& archive, Is<Schema> auto& schema) {
  auto& [oid, name, owner, acl] = schema;
  archive(oid, name, owner, acl);
}

namespace {

// The numbers are the format; a retired one is not used again.
enum class ItemKind : std::uint8_t {
  role = 1,
  schema = 2,
  table = 3,
  system_parameter = 4,
  default_acl = 5,
  database = 6,
  role_settings = 7
};
enum class Action : std::uint8_t { remove = 0, put = 1 };

bool is_sound(const TableEntry& table) {
  const auto are_columns = [&](const std::vector<std::uint16_t>& columns) {
    return std::all_of(columns.begin(), columns.end(),
                       [&](std::uint16_t column) { return column < table.schema->columns.size(); });
  };
  return table.defaults.size() == table.schema->columns.size() &&
         std::all_of(table.foreign_keys.begin(), table.foreign_keys.end(), [&](const ForeignKey& key) {
           return key.columns.size() == key.referenced_columns.size() && are_columns(key.columns) &&
                  are_columns(key.delete_set_columns);
         });
}

}  // namespace

// The catalog's friend: its members, and how each of its maps is written and read.
class CatalogCodec {
 public:
  // What every change writes.
  static void fields(auto& archive, Is<Catalog> auto& catalog) {
    auto& [version, next_oid, login_secret, system_parameters, default_acls, role_settings, database, tables,
           by_id, roles, schemas] = catalog;
    archive(version, next_oid, login_secret);
  }

  static void write_change(const Catalog& before, const Catalog& after, Encoder& out) {
    fields(out, after);
    write_items(ItemKind::role, before.roles_, after.roles_, out);
    write_items(ItemKind::schema, by_oid(before.schemas_), by_oid(after.schemas_), out);
    write_items(ItemKind::table, before.by_id_, after.by_id_, out);
    write_items(ItemKind::system_parameter, before.system_parameters, after.system_parameters, out);
    write_items(ItemKind::default_acl, before.default_acls, after.default_acls, out);
    write_items(ItemKind::role_settings, before.role_settings, after.role_settings, out);
    if (before.database == after.database) return;
    out.writer().u8(static_cast<std::uint8_t>(ItemKind::database));
    out.writer().u8(static_cast<std::uint8_t>(Action::put));
    out(after.database);
  }

  static void read_item(ItemKind kind, Action action, Decoder& in, Catalog& catalog) {
    switch (kind) {
      case ItemKind::role:
        return read_into(catalog.roles_, action, in);
      case ItemKind::schema:
        return read_schema(action, in, catalog);
      case ItemKind::table:
        return read_table(action, in, catalog);
      case ItemKind::system_parameter:
        return read_into(catalog.system_parameters, action, in);
      case ItemKind::default_acl:
        read_into(catalog.default_acls, action, in);
        for (const auto& [key, acl] : catalog.default_acls)
          if (key.kind > ObjectKind::database) in.reader().fail();
        return;
      case ItemKind::role_settings:
        return read_into(catalog.role_settings, action, in);
      case ItemKind::database:
        if (action != Action::put) return in.reader().fail();
        in(catalog.database);
        return;
    }
    in.reader().fail();
  }

 private:
  // Shared entries are written as what they are; equal pointers are equal entries.
  template <class T>
  static const T& value_of(const T& value) {
    return value;
  }
  template <class T>
  static const T& value_of(const std::shared_ptr<const T>& value) {
    return *value;
  }

  // Removals first: a name that moves from one entry to another is free when it is put.
  template <class Map>
  static void write_items(ItemKind kind, const Map& before, const Map& after, Encoder& out) {
    const auto begin = [&](Action action, const auto& key) {
      out.writer().u8(static_cast<std::uint8_t>(kind));
      out.writer().u8(static_cast<std::uint8_t>(action));
      out(key);
    };
    for (const auto& [key, value] : before)
      if (!after.contains(key)) begin(Action::remove, key);
    for (const auto& [key, value] : after) {
      const auto old = before.find(key);
      if (old != before.end() && old->second == value) continue;
      begin(Action::put, key);
      out(value_of(value));
    }
  }

  template <class Map>
  static void read_into(Map& map, Action action, Decoder& in) {
    typename Map::key_type key{};
    in(key);
    if (action == Action::remove) {
      if (map.erase(key) == 0) in.reader().fail();
      return;
    }
    typename Map::mapped_type value{};
    in(value);
    map.insert_or_assign(std::move(key), std::move(value));
  }

  static std::map<std::uint32_t, Schema> by_oid(const std::vector<Schema>& schemas) {
    std::map<std::uint32_t, Schema> result;
    for (const Schema& schema : schemas) result.emplace(schema.oid, schema);
    return result;
  }
  static void read_schema(Action action, Decoder& in, Catalog& catalog) {
    std::map<std::uint32_t, Schema> schemas = by_oid(catalog.schemas_);
    read_into(schemas, action, in);
    catalog.schemas_.clear();
    for (auto& [oid, schema] : schemas) catalog.schemas_.push_back(std::move(schema));
  }

  // The map by name follows when all items have been read: names may be exchanged.
  static void read_table(Action action, Decoder& in, Catalog& catalog) {
    RelationId id;
    in(id);
    if (action == Action::remove) {
      if (catalog.by_id_.erase(id) == 0) in.reader().fail();
      return;
    }
    auto entry = std::make_shared<TableEntry>();
    in(*entry);
    if (!in.reader().ok() || entry->id() != id || !is_sound(*entry)) return in.reader().fail();
    catalog.by_id_.insert_or_assign(id, std::move(entry));
  }

 public:
  // False where two tables have one name.
  static bool name_tables(Catalog& catalog) {
    catalog.tables_.clear();
    for (const auto& [id, entry] : catalog.by_id_)
      if (!catalog.tables_.emplace(std::pair(entry->schema_name, entry->name()), entry).second) return false;
    return true;
  }
};

void encode_catalog_change(const Catalog& before, const Catalog& after, OutBuffer& out) {
  Encoder encoder(out);
  encoder(kCatalogFormat);
  CatalogCodec::write_change(before, after, encoder);
}

std::uint32_t catalog_format(std::string_view bytes) {
  Decoder decoder(bytes);
  std::uint32_t format = 0;
  decoder(format);
  return format;
}

Decoding apply_catalog_change(std::string_view bytes, Catalog& catalog) {
  Decoder decoder(bytes);
  ByteReader& reader = decoder.reader();
  std::uint32_t format = 0;
  decoder(format);
  if (!reader.ok()) return Decoding::malformed;
  if (format != kCatalogFormat) return Decoding::unknown_format;
  CatalogCodec::fields(decoder, catalog);
  while (reader.ok() && !reader.at_end()) {
    const auto kind = static_cast<ItemKind>(reader.u8());
    const std::uint8_t action = reader.u8();
    if (action > 1) return Decoding::malformed;
    CatalogCodec::read_item(kind, static_cast<Action>(action), decoder, catalog);
  }
  if (!reader.finished() || !CatalogCodec::name_tables(catalog)) return Decoding::malformed;
  return Decoding::ok;
}

}  // namespace gyre::adapter
