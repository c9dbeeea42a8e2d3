// has_table_privilege() and its kin (PostgreSQL manual, section 9.26, "Access Privilege Inquiry Functions").
// They differ in what they are asked of and in which words they know; what a role may do is then the access
// list's to say, as it is for statements.
//
// A name that names nothing is an error, an oid or a number that does is no answer. Where several privileges
// are listed, one is enough.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "adapter/catalog/surroundings.h"
#include "adapter/catalog/system_relation.h"
#include "adapter/catalog/system_rows.h"
#include "adapter/sql_error.h"

namespace gyre::adapter {

namespace {

using Question = storage::Surroundings::PrivilegeQuestion;
using On = Question::On;
using Name = storage::Surroundings::Name;

constexpr RoleId kSystemRole{system::kSystemRoleOid};
constexpr PrivilegeSet kEverything = UINT16_MAX;

// Some of these, or the right to grant some of those.
struct Wanted {
  PrivilegeSet privileges = 0;
  PrivilegeSet grantable = 0;
};

// What a role has of an object; the two sets of an AclItem.
using Held = Wanted;

bool suffices(const Held& held, const Wanted& wanted) {
  return (held.privileges & wanted.privileges) != 0 || (held.grantable & wanted.grantable) != 0;
}

// Of pg_has_role(): to act as the role at once, to be able to become it, to make others members.
constexpr PrivilegeSet kUsage = bit(Privilege::usage), kMember = bit(Privilege::create);

bool is_space(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

ObjectKind kind_of(On on) {
  switch (on) {
    case On::column:
    case On::any_column:
      return ObjectKind::column;
    case On::sequence:
      return ObjectKind::sequence;
    case On::schema:
      return ObjectKind::schema;
    case On::database:
      return ObjectKind::database;
    case On::table:
    case On::role:
      break;
  }
  return ObjectKind::table;
}

// The privilege of this word; 0 for one that is known and means nothing any more. Nothing for others.
std::optional<PrivilegeSet> privilege_of(On on, std::string_view word) {
  if (on == On::role) {
    if (word == "usage") return kUsage;
    if (word == "member") return kMember;
    return std::nullopt;
  }
  if (on == On::table && word == "rule") return PrivilegeSet{0};
  if (on == On::database && word == "temp") word = "temporary";
  for (const PrivilegeFacts& fact : privilege_facts())
    if (fact.word == word && (privileges_on(kind_of(on)) & bit(fact.privilege)) != 0)
      return bit(fact.privilege);
  return std::nullopt;
}

void add_word(On on, std::string_view chunk, Wanted& wanted) {
  const std::string whole = lower(chunk);
  std::string_view word = whole;
  bool option = false;
  for (const std::string_view suffix : {" with grant option", " with admin option"}) {
    if (!word.ends_with(suffix) || (suffix == " with admin option" && on != On::role)) continue;
    word.remove_suffix(suffix.size());
    option = true;
  }
  const std::optional<PrivilegeSet> found = privilege_of(on, word);
  if (!found) throw SqlError("22023", fmt::format("unrecognized privilege type: \"{}\"", chunk));
  PrivilegeSet& set = option ? wanted.grantable : wanted.privileges;
  set = static_cast<PrivilegeSet>(set | *found);
}

Wanted parse_wanted(On on, std::string_view list) {
  Wanted wanted;
  while (true) {
    const std::size_t comma = list.find(',');
    add_word(on, trimmed(list.substr(0, comma)), wanted);
    if (comma == std::string_view::npos) return wanted;
    list.remove_prefix(comma + 1);
  }
}

class Answerer {
 public:
  Answerer(const Catalog& catalog, RoleId asker) : catalog_(catalog), asker_(asker) {}

  bool is_superuser() const {
    const Role* const role = catalog_.role(asker_);
    return role != nullptr && role->superuser;
  }
  Held held(const Acl& acl, std::optional<RoleId> owner) const {
    if (is_superuser()) return {kEverything, kEverything};
    const auto counts = [this](RoleId grantee) {
      return grantee == kPublicRole || catalog_.has_privileges_of(asker_, grantee);
    };
    const bool owns = owner && catalog_.has_privileges_of(asker_, *owner);
    return {acl_privileges(acl, counts), owns ? kEverything : acl_grantable(acl, counts)};
  }
  bool on_role(RoleId role, const Wanted& wanted) const {
    const bool all = is_superuser();
    if (wanted.grantable != 0 && (all || catalog_.may_grant_role(asker_, role))) return true;
    if ((wanted.privileges & kMember) != 0 && (all || catalog_.is_member(asker_, role))) return true;
    return (wanted.privileges & kUsage) != 0 && (all || catalog_.has_privileges_of(asker_, role));
  }

 private:
  const Catalog& catalog_;
  const RoleId asker_;
};

// A relation as far as rights go.
struct Target {
  std::shared_ptr<const TableEntry> table;  // null: one of the system's, or an index
  RoleId owner;
  Acl acl;
  bool catalog_table = false;  // whose rows only superusers could change
  bool sequence = false;
  std::string name;
  std::vector<std::string_view> columns;
};

std::optional<Target> target_of(const Catalog& catalog, std::uint32_t oid) {
  if (oid < kFirstUserOid) {
    for (const SystemRelation& relation : system_relations()) {
      if (relation.oid != oid) continue;
      Acl acl = default_acl(ObjectKind::table, kSystemRole);
      if (relation.readers == SystemRelation::Readers::all)
        acl_grant(acl, {kPublicRole, kSystemRole, bit(Privilege::select), 0});
      Target target{
          nullptr, kSystemRole, std::move(acl), relation.kind == 'r', false, std::string(relation.name), {}};
      for (const SystemColumn& column : relation.columns) target.columns.push_back(column.name);
      return target;
    }
    return std::nullopt;
  }
  if (const auto table = catalog.table(RelationId(oid - kFirstUserOid))) {
    Target target{table, table->owner, table->access(), false, table->is_sequence(), table->name(), {}};
    for (const storage::ColumnDef& column : table->schema->columns) target.columns.push_back(column.name);
    return target;
  }
  for (const auto& [key, table] : catalog.tables())
    for (const system::IndexFacts& index : system::indexes_of(*table))
      if (index.oid == oid)
        return Target{nullptr, table->owner, default_acl(ObjectKind::table, table->owner),
                      false,   false,        std::string(index.name),
                      {}};
  return std::nullopt;
}

// The rights of a superuser cover a catalog's tables, too; nobody else's do.
Held held_of(const Answerer& answerer, const Target& target) {
  Held held = answerer.held(target.acl, target.owner);
  if (!target.catalog_table || answerer.is_superuser()) return held;
  using enum Privilege;
  const auto changing = static_cast<PrivilegeSet>(bit(insert) | bit(update) | bit(delete_) | bit(truncate));
  held.privileges = static_cast<PrivilegeSet>(held.privileges & ~changing);
  held.grantable = static_cast<PrivilegeSet>(held.grantable & ~changing);
  return held;
}

// Of the column alone, without what holds for its table. (The table's owner may grant it.)
Held held_of_column(const Answerer& answerer, const Target& target, std::size_t column) {
  if (target.table == nullptr) return {};
  const auto found = target.table->column_acl.find(static_cast<std::uint16_t>(column));
  if (found == target.table->column_acl.end()) return {};
  return answerer.held(found->second, target.owner);
}

// Position of the column that is asked about; nothing for a number that is none's.
std::optional<std::size_t> column_of(const Target& target, const Name& name) {
  if (name.by_number) {
    if (name.number < 1 || static_cast<std::size_t>(name.number) > target.columns.size()) return std::nullopt;
    return static_cast<std::size_t>(name.number) - 1;
  }
  const auto found = std::find(target.columns.begin(), target.columns.end(), name.text);
  if (found == target.columns.end())
    throw SqlError("42703",
                   fmt::format("column \"{}\" of relation \"{}\" does not exist", name.text, target.name));
  return static_cast<std::size_t>(found - target.columns.begin());
}

std::optional<bool> on_relation(const Answerer& answerer, const Target& target, const Question& question,
                                const Wanted& wanted) {
  if (question.on == On::sequence && !target.sequence)
    throw SqlError("42809", fmt::format("\"{}\" is not a sequence",
                                        question.object.by_number ? target.name : question.object.text));
  std::optional<std::size_t> column;
  if (question.on == On::column) {
    column = column_of(target, question.column);
    if (!column) return std::nullopt;
  }
  if (suffices(held_of(answerer, target), wanted)) return true;
  if (column) return suffices(held_of_column(answerer, target, *column), wanted);
  if (question.on != On::any_column) return false;
  for (std::size_t i = 0; i < target.columns.size(); ++i)
    if (suffices(held_of_column(answerer, target, i), wanted)) return true;
  return false;
}

RoleId role_of(const Catalog& catalog, const Name& name) {
  if (name.by_number) return RoleId(static_cast<std::uint32_t>(name.number));
  const Role* const found = catalog.find_role(name.text);
  if (found == nullptr) throw SqlError("42704", fmt::format("role \"{}\" does not exist", name.text));
  return found->id;
}

// (pg_has_role() alone knows no PUBLIC.)
RoleId asker_of(const Catalog& catalog, const Question& question, RoleId current) {
  if (!question.asker) return current;
  if (question.on != On::role && !question.asker->by_number && question.asker->text == "public")
    return kPublicRole;
  return role_of(catalog, *question.asker);
}

}  // namespace

std::optional<bool> CatalogSurroundings::has_privilege(const PrivilegeQuestion& question) {
  const Catalog& where = catalog();
  const Answerer answerer(where, asker_of(where, question, role()));
  const Name& object = question.object;
  switch (question.on) {
    case On::role: {
      const RoleId asked = role_of(where, object);
      return answerer.on_role(asked, parse_wanted(question.on, question.privileges));
    }
    case On::schema: {
      const auto& schemas = where.schemas();
      const auto found = std::find_if(schemas.begin(), schemas.end(), [&](const Schema& schema) {
        return object.by_number ? std::int64_t{schema.oid} == object.number : schema.name == object.text;
      });
      if (found == schemas.end() && !object.by_number)
        throw SqlError("3F000", fmt::format("schema \"{}\" does not exist", object.text));
      const Wanted wanted = parse_wanted(question.on, question.privileges);
      if (found == schemas.end()) return std::nullopt;
      return suffices(answerer.held(found->access(), found->owner), wanted);
    }
    case On::database: {
      if (!object.by_number && object.text != kDatabaseName)
        throw SqlError("3D000", fmt::format("database \"{}\" does not exist", object.text));
      const Wanted wanted = parse_wanted(question.on, question.privileges);
      if (object.by_number && object.number != system::kDatabaseOid) return std::nullopt;
      return suffices(answerer.held(where.database.access(), where.database.owner), wanted);
    }
    case On::table:
    case On::column:
    case On::any_column:
    case On::sequence:
      break;
  }
  const std::uint32_t oid =
      object.by_number ? static_cast<std::uint32_t>(object.number) : relation_oid(object.text);
  const std::optional<Target> target = target_of(where, oid);
  const Wanted wanted = parse_wanted(question.on, question.privileges);
  if (!target) return std::nullopt;
  return on_relation(answerer, *target, question, wanted);
}

}  // namespace gyre::adapter
