// Functions about the session, the server and the catalog's types, as drivers and psql ask them.
#include <sys/random.h>

#include <algorithm>
#include <vector>

#include "storage/scalar/casts.h"
#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/scalar/nodes.h"
#include "storage/types/acl_text.h"
#include "storage/types/array_text.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;

template <std::string_view SessionFacts::*fact>
Datum session_name(EvalContext& context, Arguments, unsigned) {
  if (context.session == nullptr) return {};
  const std::string_view value = context.session->*fact;
  return value.data() == nullptr ? Datum() : Datum::of_bytes(value);
}
Datum version(EvalContext& context, Arguments, unsigned) {
  return Datum::of_bytes(context.session == nullptr ? "" : context.session->version_text);
}
Datum backend_pid(EvalContext& context, Arguments, unsigned) {
  return Datum::of_integer(context.session == nullptr ? 0 : context.session->backend_pid);
}
Datum current_setting(EvalContext& context, Arguments a, unsigned count) {
  const bool missing_ok = count > 1 && a[1].integer != 0;
  const SessionFacts* session = context.session;
  std::string value;
  const bool found = session != nullptr && session->current_setting != nullptr &&
                     session->current_setting(session->session, a[0].bytes(), value);
  if (found) return copied(context, value);
  if (missing_ok) return {};
  throw Failure(Fault::undefined_object,
                "unrecognized configuration parameter \"" + std::string(a[0].bytes()) + "\"", {}, value);
}

// The value is what SHOW would now print.
Datum set_config(EvalContext& context, Arguments a, unsigned) {
  const SessionFacts* session = context.session;
  if (session == nullptr || session->set_setting == nullptr)
    throw Failure(Fault::feature_not_supported, "settings cannot be changed here");
  if (a[0].null) throw Failure(Fault::null_value_not_allowed, "SET requires parameter name");
  const bool local = !a[2].null && a[2].integer != 0;
  const std::string_view given = a[1].null ? std::string_view() : a[1].bytes();
  const bool resets = a[1].null;
  session->set_setting(session->settings, a[0].bytes(), !resets && given.data() == nullptr ? "" : given, local);
  return current_setting(context, a, 1);
}

// ---- what the catalog and sequences know ----

Surroundings& surroundings_of(EvalContext& context) {
  if (context.session == nullptr || context.session->surroundings == nullptr)
    throw Failure(Fault::feature_not_supported, "the catalog cannot be asked here");
  return *context.session->surroundings;
}
std::uint32_t oid_argument(Datum value) {
  return static_cast<std::uint32_t>(value.integer);
}
Datum nextval(EvalContext& context, Arguments a, unsigned) {
  return Datum::of_integer(surroundings_of(context).next_value(oid_argument(a[0])));
}
Datum currval(EvalContext& context, Arguments a, unsigned) {
  return Datum::of_integer(surroundings_of(context).current_value(oid_argument(a[0])));
}
Datum lastval(EvalContext& context, Arguments, unsigned) {
  return Datum::of_integer(surroundings_of(context).last_value());
}
Datum setval(EvalContext& context, Arguments a, unsigned count) {
  const bool called = count < 3 || a[2].integer != 0;
  surroundings_of(context).set_value(oid_argument(a[0]), a[1].integer, called);
  return a[1];
}
Datum newest_value(EvalContext& context, Arguments a, unsigned) {
  const auto value = surroundings_of(context).newest_value(oid_argument(a[0]));
  return value ? Datum::of_integer(*value) : Datum();
}
Datum text_or_null(EvalContext& context, const std::optional<std::string>& text) {
  return text ? copied(context, *text) : Datum();
}
Datum serial_sequence(EvalContext& context, Arguments a, unsigned) {
  return text_or_null(context, surroundings_of(context).serial_sequence(a[0].bytes(), a[1].bytes()));
}
Datum index_definition(EvalContext& context, Arguments a, unsigned count) {
  const std::int32_t column = count > 1 ? static_cast<std::int32_t>(a[1].integer) : 0;
  return text_or_null(context, surroundings_of(context).text(Surroundings::Text::index_definition,
                                                             oid_argument(a[0]), column, count > 2));
}
Datum constraint_definition(EvalContext& context, Arguments a, unsigned count) {
  return text_or_null(context,
                      surroundings_of(context).text(Surroundings::Text::constraint_definition,
                                                    oid_argument(a[0]), 0, count > 1 && a[1].integer != 0));
}
// Of relations and their columns; other things have none.
Datum object_comment(EvalContext& context, Arguments a, unsigned count) {
  if (count > 1 && a[1].bytes() != "pg_class") return {};
  return text_or_null(
      context, surroundings_of(context).text(Surroundings::Text::comment, oid_argument(a[0]), 0, false));
}
Datum column_comment(EvalContext& context, Arguments a, unsigned) {
  return text_or_null(context, surroundings_of(context).text(Surroundings::Text::comment, oid_argument(a[0]),
                                                             static_cast<std::int32_t>(a[1].integer), false));
}
// Null where the search path names no schema that can be used.
Datum current_schema(EvalContext& context, Arguments, unsigned) {
  const std::vector<std::string> schemas = surroundings_of(context).schemas();
  return schemas.empty() ? Datum() : copied(context, schemas.front());
}
// With those that are searched without being named.
Datum current_schemas(EvalContext& context, Arguments a, unsigned) {
  TextArray schemas;
  for (std::string& schema : surroundings_of(context).schemas()) schemas.emplace_back(std::move(schema));
  if (a[0].integer != 0 && std::find(schemas.begin(), schemas.end(), "pg_catalog") == schemas.end())
    schemas.insert(schemas.begin(), "pg_catalog");
  return copied(context, print_text_array(schemas));
}

// How a function's argument names something.
enum class Form : std::uint8_t { none, text, number };

template <Form form>
Surroundings::Name name_argument(Datum value) {
  if constexpr (form == Form::number) return {true, value.integer, {}};
  return {false, 0, value.bytes()};
}

template <Surroundings::PrivilegeQuestion::On on, Form asker, Form object, Form column>
Datum has_privilege(EvalContext& context, Arguments a, unsigned) {
  Surroundings::PrivilegeQuestion question{on, {}, {}, {}, {}};
  if constexpr (asker != Form::none) question.asker = name_argument<asker>(*a++);
  question.object = name_argument<object>(*a++);
  if constexpr (column != Form::none) question.column = name_argument<column>(*a++);
  question.privileges = a->bytes();
  const std::optional<bool> answer = surroundings_of(context).has_privilege(question);
  return answer ? Datum::of_bool(*answer) : Datum();
}

Datum table_is_visible(EvalContext& context, Arguments a, unsigned) {
  const auto visible = surroundings_of(context).is_visible(oid_argument(a[0]));
  return visible ? Datum::of_bool(*visible) : Datum();
}

Datum to_regclass(EvalContext& context, Arguments a, unsigned) {
  const auto oid = surroundings_of(context).find_relation(a[0].bytes());
  return oid ? Datum::of_integer(*oid) : Datum();
}

Datum always_false(EvalContext&, Arguments, unsigned) {
  return Datum::of_bool(false);
}
Datum always_true(EvalContext&, Arguments, unsigned) {
  return Datum::of_bool(true);
}
Datum always_null(EvalContext&, Arguments, unsigned) {
  return {};
}

Datum no_text(EvalContext&, Arguments, unsigned) {
  return Datum::of_bytes("");
}

// Expressions of the catalog are text already.
Datum first_argument(EvalContext&, Arguments a, unsigned) {
  return a[0];
}

// format_type(oid, typmod): null and unknown oids as PostgreSQL words them.
Datum format_type_of(EvalContext& context, Arguments a, unsigned) {
  if (a[0].null) return {};
  const auto oid = static_cast<std::uint32_t>(a[0].integer);
  if (oid == 0) return Datum::of_bytes("-");
  const TypeId id = type_by_oid(oid);
  if (id == TypeId::unknown) return Datum::of_bytes(oid == 705 ? "unknown" : "???");
  const Type type(id, a[1].null ? -1 : static_cast<std::int32_t>(a[1].integer));
  if (id == TypeId::bpchar && !a[1].null && type.typmod < 0) return Datum::of_bytes("bpchar");
  return copied(context, format_type(type));
}
ExpressionPtr build_typeof(const FunctionDef&, std::vector<ExpressionPtr> arguments) {
  const TypeId type = arguments[0]->type().id;
  const std::uint32_t oid = type == TypeId::unknown ? 705 : traits(type).oid;
  return make_constant(TypeId::regtype, Datum::of_integer(oid));
}
Datum encoding_name(EvalContext&, Arguments a, unsigned) {
  constexpr std::int64_t kUtf8 = 6, kSqlAscii = 0;
  return Datum::of_bytes(a[0].integer == kUtf8 ? "UTF8" : a[0].integer == kSqlAscii ? "SQL_ASCII" : "");
}
Datum encoding_number(EvalContext&, Arguments a, unsigned) {
  std::string name;
  for (const char c : a[0].bytes())
    if (c != '-' && c != '_') name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return Datum::of_integer(name == "utf8" || name == "unicode" ? 6 : name == "sqlascii" ? 0 : -1);
}
Datum database_encoding(EvalContext&, Arguments, unsigned) {
  return Datum::of_bytes("UTF8");
}
Datum role_name(EvalContext& context, Arguments a, unsigned) {
  const std::uint32_t oid = oid_argument(a[0]);
  const auto name = surroundings_of(context).role_name(oid);
  return copied(context, name ? *name : "unknown (OID=" + std::to_string(oid) + ")");
}

// What holds of a new object until somebody grants or revokes: for its owner, and for everybody. By the
// letter that PostgreSQL has for the kind of object.
struct DefaultAccess {
  char kind;
  std::string_view owner, everybody;
};
constexpr DefaultAccess kDefaultAccess[] = {
    {'c', "", ""},   {'r', "arwdDxt", ""}, {'s', "rwU", ""}, {'d', "CTc", "Tc"}, {'f', "X", "X"},
    {'l', "U", "U"}, {'L', "rw", ""},      {'n', "UC", ""},  {'p', "sA", ""},    {'t', "C", ""},
    {'F', "U", ""},  {'S', "U", ""},       {'T', "U", "U"}};

Datum default_access(EvalContext& context, Arguments a, unsigned) {
  const char kind = static_cast<char>(a[0].integer);
  const auto found = std::find_if(std::begin(kDefaultAccess), std::end(kDefaultAccess),
                                  [kind](const DefaultAccess& access) { return access.kind == kind; });
  if (found == std::end(kDefaultAccess))
    throw Failure(Fault::internal_error, std::string("unrecognized objtype abbreviation: ") + kind);
  const std::uint32_t oid = oid_argument(a[1]);
  const auto name = surroundings_of(context).role_name(oid);
  const std::string owner = acl_name(name ? *name : std::to_string(oid));
  TextArray items;
  if (!found->everybody.empty()) items.emplace_back("=" + std::string(found->everybody) + "/" + owner);
  if (!found->owner.empty()) items.emplace_back(owner + "=" + std::string(found->owner) + "/" + owner);
  return copied(context, print_text_array(items));
}

// Version 4: random but for the version and variant bits.
Datum random_uuid(EvalContext& context, Arguments, unsigned) {
  char* bytes = context.arena->allocate(16, 1);
  std::size_t filled = 0;
  while (filled < 16) {
    const ssize_t got = getrandom(bytes + filled, 16 - filled, 0);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  bytes[6] = static_cast<char>((bytes[6] & 0x0F) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3F) | 0x80);
  return Datum::of_bytes({bytes, 16});
}

template <bool nulls>
Datum count_nulls(EvalContext&, Arguments a, unsigned count) {
  std::int64_t found = 0;
  for (unsigned i = 0; i < count; ++i) found += a[i].null == nulls ? 1 : 0;
  return Datum::of_integer(found);
}

using On = Surroundings::PrivilegeQuestion::On;

template <On on, Form asker, Form object, Form column>
FunctionDef privilege_function(std::string_view name) {
  using T = TypeId;
  constexpr T kRole = asker == Form::number ? T::oid : T::name;
  constexpr T kObject = object == Form::number ? T::oid : on == On::role ? T::name : T::text;
  constexpr T kColumn = column == Form::number ? T::int2 : T::text;
  constexpr ScalarFunction kFunction = has_privilege<on, asker, object, column>;
  constexpr auto kStable = Volatility::stable;
  if constexpr (asker == Form::none && column == Form::none)
    return {name, {kObject, T::text}, T::boolean, kFunction, true, kStable};
  else if constexpr (asker == Form::none)
    return {name, {kObject, kColumn, T::text}, T::boolean, kFunction, true, kStable};
  else if constexpr (column == Form::none)
    return {name, {kRole, kObject, T::text}, T::boolean, kFunction, true, kStable};
  else
    return {name, {kRole, kObject, kColumn, T::text}, T::boolean, kFunction, true, kStable};
}

// has_…_privilege() in all spellings: of whom (the current role, a name, an oid), on what (a name, an oid).
template <On on, Form column = Form::none>
void add_privilege_functions(std::string_view name, std::vector<FunctionDef>& table) {
  using enum Form;
  table.push_back(privilege_function<on, none, text, column>(name));
  table.push_back(privilege_function<on, none, number, column>(name));
  table.push_back(privilege_function<on, text, text, column>(name));
  table.push_back(privilege_function<on, text, number, column>(name));
  table.push_back(privilege_function<on, number, text, column>(name));
  table.push_back(privilege_function<on, number, number, column>(name));
}

std::vector<FunctionDef> make_table() {
  using T = TypeId;
  constexpr auto kStable = Volatility::stable;
  std::vector<FunctionDef> table = {
      {"version", {}, T::text, version, true, kStable},
      {"current_user", {}, T::name, session_name<&SessionFacts::current_user>, true, kStable},
      {"user", {}, T::name, session_name<&SessionFacts::current_user>, true, kStable},
      {"current_role", {}, T::name, session_name<&SessionFacts::current_user>, true, kStable},
      {"session_user", {}, T::name, session_name<&SessionFacts::session_user>, true, kStable},
      {"current_database", {}, T::name, session_name<&SessionFacts::database>, true, kStable},
      {"current_catalog", {}, T::name, session_name<&SessionFacts::database>, true, kStable},
      {"current_schema", {}, T::name, current_schema, true, kStable},
      {"current_schemas", {T::boolean}, T::text_array, current_schemas, true, kStable},
      {"pg_backend_pid", {}, T::int4, backend_pid, true, kStable},
      {"current_setting", {T::text}, T::text, current_setting, true, kStable},
      {"current_setting", {T::text, T::boolean}, T::text, current_setting, true, kStable},
      {"set_config", {T::text, T::text, T::boolean}, T::text, set_config, false, Volatility::volatile_},
      {"pg_get_triggerdef", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_triggerdef", {T::oid, T::boolean}, T::text, always_null, true, kStable},
      {"pg_is_in_recovery", {}, T::boolean, always_false, true, kStable},
      {"format_type", {T::oid, T::int4}, T::text, format_type_of, false, kStable},
      // There are no functions of users' own, views, rules, conversions, operator classes or text search.
      {"pg_get_functiondef", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_viewdef", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_viewdef", {T::oid, T::boolean}, T::text, always_null, true, kStable},
      {"pg_get_ruledef", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_ruledef", {T::oid, T::boolean}, T::text, always_null, true, kStable},
      {"pg_get_function_result", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_function_arguments", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_function_identity_arguments", {T::oid}, T::text, always_null, true, kStable},
      {"pg_get_function_sqlbody", {T::oid}, T::text, always_null, true, kStable},
      {"pg_conversion_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_operator_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_opclass_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_opfamily_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_statistics_obj_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_collation_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_ts_config_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_ts_dict_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_ts_parser_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_ts_template_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_tablespace_location", {T::oid}, T::text, no_text, true, kStable},
      {"getdatabaseencoding", {}, T::name, database_encoding, true, kStable},
      {"pg_char_to_encoding", {T::name}, T::int4, encoding_number, true, kStable},
      {"acldefault", {T::char_, T::oid}, T::text_array, default_access, true, kStable},
      {"pg_get_userbyid", {T::oid}, T::name, role_name, true, kStable},
      {"pg_encoding_to_char", {T::int4}, T::name, encoding_name, true, kStable},
      {"obj_description", {T::oid}, T::text, object_comment, true, kStable},
      {"obj_description", {T::oid, T::name}, T::text, object_comment, true, kStable},
      {"col_description", {T::oid, T::int4}, T::text, column_comment, true, kStable},
      {"shobj_description", {T::oid, T::name}, T::text, always_null, true, kStable},
      {"pg_table_is_visible", {T::oid}, T::boolean, table_is_visible, true, kStable},
      {"pg_type_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_function_is_visible", {T::oid}, T::boolean, always_true, true, kStable},
      {"pg_get_expr", {T::text, T::oid}, T::text, first_argument, true, kStable},
      {"pg_get_expr", {T::text, T::oid, T::boolean}, T::text, first_argument, true, kStable},
      {"nextval", {T::regclass}, T::int8, nextval, true, Volatility::volatile_, false, 1574},
      {"currval", {T::regclass}, T::int8, currval, true, Volatility::volatile_, false, 1575},
      {"lastval", {}, T::int8, lastval, true, Volatility::volatile_, false, 2559},
      {"setval", {T::regclass, T::int8}, T::int8, setval, true, Volatility::volatile_, false, 1576},
      {"setval",
       {T::regclass, T::int8, T::boolean},
       T::int8,
       setval,
       true,
       Volatility::volatile_,
       false,
       1765},
      {"pg_sequence_last_value", {T::regclass}, T::int8, newest_value, true, Volatility::volatile_},
      {"pg_get_serial_sequence", {T::text, T::text}, T::text, serial_sequence, true, kStable},
      {"pg_get_indexdef", {T::oid}, T::text, index_definition, true, kStable},
      {"pg_get_indexdef", {T::oid, T::int4, T::boolean}, T::text, index_definition, true, kStable},
      {"pg_get_constraintdef", {T::oid}, T::text, constraint_definition, true, kStable},
      {"pg_get_constraintdef", {T::oid, T::boolean}, T::text, constraint_definition, true, kStable},
      {"to_regclass", {T::text}, T::regclass, to_regclass, true, kStable},
      // Nothing is partitioned: psql asks in a place where the relation itself does no harm.
      {"pg_partition_ancestors", {T::regclass}, T::regclass, first_argument, true, kStable},
      {"pg_relation_is_publishable", {T::regclass}, T::boolean, always_true, true, kStable},
      {"pg_get_statisticsobjdef_columns", {T::oid}, T::text, always_null, true, kStable},
      {"gen_random_uuid", {}, T::uuid, random_uuid, true, Volatility::volatile_},
      {"num_nulls", {kAnyType}, T::int4, count_nulls<true>, false},
      {"num_nonnulls", {kAnyType}, T::int4, count_nulls<false>, false},
  };
  for (FunctionDef& def : table) {
    if (def.name.starts_with("num_n")) def.variadic = true;
    if (def.name == "nextval" || def.name == "setval") def.writes = true;
  }
  FunctionDef pg_typeof{"pg_typeof", {kAnyType}, T::regtype, nullptr, false, kStable};
  pg_typeof.build = build_typeof;
  table.push_back(pg_typeof);
  add_privilege_functions<On::table>("has_table_privilege", table);
  add_privilege_functions<On::column, Form::text>("has_column_privilege", table);
  add_privilege_functions<On::column, Form::number>("has_column_privilege", table);
  add_privilege_functions<On::any_column>("has_any_column_privilege", table);
  add_privilege_functions<On::sequence>("has_sequence_privilege", table);
  add_privilege_functions<On::schema>("has_schema_privilege", table);
  add_privilege_functions<On::database>("has_database_privilege", table);
  add_privilege_functions<On::role>("pg_has_role", table);
  return table;
}

}  // namespace

std::span<const FunctionDef> system() {
  static const std::vector<FunctionDef> table = make_table();
  return table;
}

}  // namespace gyre::storage::families
