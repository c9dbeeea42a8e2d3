// Statements of the raw tree that define tables, constraints and sequences. The grammar gives a column's
// constraints as a list in which DEFERRABLE and the like follow the constraint they belong to.

#include <charconv>

#include "adapter/sql/pg_nodes.h"

namespace gyre::adapter::pg {
namespace {

// Digits as the grammar keeps them: an Integer where they fit 32 bits, a Float's text where not.
std::int64_t number_of(const void* node) {
  if (tag(node) == T_Integer) return as<Integer>(node).ival;
  if (tag(node) != T_Float) throw Unsupported{"this value of a sequence's option"};
  const std::string_view digits = as<Float>(node).fval;
  const bool plus = digits.starts_with('+');
  std::int64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [at, error] = std::from_chars(digits.data() + (plus ? 1 : 0), end, value);
  if (error != std::errc() || at != end)
    throw Invalid{"22003", "value \"" + std::string(digits) + "\" is out of range for type bigint"};
  return value;
}

const char* constraint_word(ConstrType type) {
  return type == CONSTR_GENERATED ? "generated columns" : "exclusion constraints";
}

// What the words behind a constraint say of it.
template <class Clause>
void take_attribute(ConstrType type, Clause& clause) {
  switch (type) {
    case CONSTR_ATTR_DEFERRABLE:
      clause.deferrable = true;
      return;
    case CONSTR_ATTR_NOT_DEFERRABLE:
      clause.deferrable = clause.deferred = false;
      return;
    case CONSTR_ATTR_DEFERRED:
      clause.deferrable = clause.deferred = true;
      return;
    default:
      clause.deferred = false;
  }
}

bool is_attribute(ConstrType type) {
  return type == CONSTR_ATTR_DEFERRABLE || type == CONSTR_ATTR_NOT_DEFERRABLE ||
         type == CONSTR_ATTR_DEFERRED || type == CONSTR_ATTR_IMMEDIATE;
}

ast::ForeignKeyClause::Action action_of(char letter) {
  using Action = ast::ForeignKeyClause::Action;
  return letter == '\0' ? Action::no_action : static_cast<Action>(letter);
}

ast::LikeClause like_clause(const TableLikeClause& s, std::size_t position) {
  ast::LikeClause out;
  out.table = relation_name(*s.relation);
  out.defaults = (s.options & CREATE_TABLE_LIKE_DEFAULTS) != 0;
  out.constraints = (s.options & CREATE_TABLE_LIKE_CONSTRAINTS) != 0;
  out.indexes = (s.options & CREATE_TABLE_LIKE_INDEXES) != 0;
  out.identity = (s.options & CREATE_TABLE_LIKE_IDENTITY) != 0;
  out.comments = (s.options & CREATE_TABLE_LIKE_COMMENTS) != 0;
  out.position = position;
  return out;
}

}  // namespace

// ---- constraints ----

ast::KeyConstraint Walker::key_constraint(const Constraint& c) {
  if (size(c.including) > 0) throw Unsupported{"INCLUDE columns"};
  if (c.nulls_not_distinct) throw Unsupported{"NULLS NOT DISTINCT"};
  ast::KeyConstraint out;
  out.primary = c.contype == CONSTR_PRIMARY;
  out.name = text_of(c.conname);
  out.columns = strings(c.keys);
  out.location = c.location;
  out.index = text_of(c.indexname);
  out.deferrable = c.deferrable;
  out.deferred = c.initdeferred;
  return out;
}

ast::CheckClause Walker::check_clause(const Constraint& c) {
  ast::CheckClause out;
  out.name = text_of(c.conname);
  out.condition = expr(c.raw_expr);
  out.no_inherit = c.is_no_inherit;
  out.not_valid = c.skip_validation;
  out.location = c.location;
  return out;
}

ast::ForeignKeyClause Walker::foreign_key(const Constraint& c) {
  ast::ForeignKeyClause out;
  out.name = text_of(c.conname);
  out.columns = strings(c.fk_attrs);
  out.referenced = relation_name(*c.pktable);
  out.referenced_columns = strings(c.pk_attrs);
  if (c.fk_matchtype == 'p') throw Unsupported{"MATCH PARTIAL"};
  out.match_full = c.fk_matchtype == 'f';
  out.on_update = action_of(c.fk_upd_action);
  out.on_delete = action_of(c.fk_del_action);
  out.delete_set_columns = strings(c.fk_del_set_cols);
  out.deferrable = c.deferrable;
  out.deferred = c.initdeferred;
  out.not_valid = c.skip_validation;
  out.location = c.location;
  return out;
}

// ---- tables ----

ast::CreateTableStatement Walker::create_table(const CreateStmt& s) {
  ast::CreateTableStatement out;
  out.name = relation_name(*s.relation);
  out.if_not_exists = s.if_not_exists;
  out.temporary = s.relation->relpersistence == 't';
  const auto refuse = [&](bool present, const char* what) {
    if (present && out.unsupported_what.empty()) out.unsupported_what = what;
  };
  refuse(size(s.inhRelations) > 0 && s.partbound == nullptr, "INHERITS");
  refuse(s.partbound != nullptr || s.partspec != nullptr, "partitioned tables");
  refuse(s.ofTypename != nullptr, "typed tables");
  refuse(s.oncommit != ONCOMMIT_NOOP && s.oncommit != ONCOMMIT_PRESERVE_ROWS, "ON COMMIT");
  for (int i = 0; i < size(s.tableElts); ++i) {
    const void* element = at(s.tableElts, i);
    if (tag(element) == T_ColumnDef) {
      out.columns.push_back(column(as<ColumnDef>(element)));
      continue;
    }
    if (tag(element) == T_TableLikeClause) {
      out.likes.push_back(like_clause(as<TableLikeClause>(element), out.columns.size()));
      continue;
    }
    const auto& c = as<Constraint>(element);
    if (c.contype == CONSTR_PRIMARY || c.contype == CONSTR_UNIQUE)
      out.keys.push_back(key_constraint(c));
    else if (c.contype == CONSTR_CHECK)
      out.checks.push_back(check_clause(c));
    else if (c.contype == CONSTR_FOREIGN)
      out.foreign_keys.push_back(foreign_key(c));
    else
      refuse(true, constraint_word(c.contype));
  }
  return out;
}

ast::ColumnDefinition Walker::column(const ColumnDef& d) {
  ast::ColumnDefinition out;
  out.name = text_of(d.colname);
  out.location = d.location;
  if (d.typeName == nullptr) throw Unsupported{"typed tables"};
  out.type = type_name(*d.typeName);
  out.not_null = d.is_not_null;
  if (d.collClause != nullptr) {
    const std::string collation = name_from(d.collClause->collname, -1).name;
    if (collation != "C" && collation != "default" && collation != "POSIX") out.unsupported_what = "COLLATE";
  }
  ConstrType last = CONSTR_NULL;
  for (int i = 0; i < size(d.constraints); ++i) {
    const auto& c = as<Constraint>(at(d.constraints, i));
    if (!is_attribute(c.contype)) {
      column_constraint(c, out);
      last = c.contype;
    } else if (last == CONSTR_FOREIGN) {
      take_attribute(c.contype, out.foreign_keys.back());
    } else if (last == CONSTR_PRIMARY || last == CONSTR_UNIQUE) {
      take_attribute(c.contype, out.keys.back());
    } else {
      throw Invalid{"42601", "misplaced DEFERRABLE clause", c.location};
    }
  }
  return out;
}

void Walker::column_constraint(const Constraint& c, ast::ColumnDefinition& out) {
  switch (c.contype) {
    case CONSTR_NULL:
      out.explicit_null = true;
      return;
    case CONSTR_NOTNULL:
      out.not_null = true;
      return;
    case CONSTR_DEFAULT:
      if (out.default_value != nullptr)
        throw Invalid{"42601", "multiple default values specified for column \"" + out.name + "\"", c.location};
      out.default_value = expr(c.raw_expr);
      return;
    case CONSTR_IDENTITY:
      if (out.identity)
        throw Invalid{"42601", "multiple identity specifications for column \"" + out.name + "\"", c.location};
      out.identity = ast::IdentityClause{c.generated_when == 'a', sequence_options(c.options)};
      return;
    case CONSTR_PRIMARY:
    case CONSTR_UNIQUE:
      out.keys.push_back(key_constraint(c));
      out.keys.back().columns = {out.name};
      return;
    case CONSTR_CHECK:
      out.checks.push_back(check_clause(c));
      return;
    case CONSTR_FOREIGN:
      out.foreign_keys.push_back(foreign_key(c));
      out.foreign_keys.back().columns = {out.name};
      return;
    default:
      if (out.unsupported_what.empty()) out.unsupported_what = constraint_word(c.contype);
  }
}

ast::CreateTableAsStatement Walker::create_table_as(const IntoClause& into, const void* query,
                                                    bool if_not_exists) {
  if (tag(query) != T_SelectStmt) throw Unsupported{"CREATE TABLE AS EXECUTE"};
  ast::CreateTableAsStatement out;
  out.name = relation_name(*into.rel);
  out.if_not_exists = if_not_exists;
  out.columns = strings(into.colNames);
  out.query = std::make_unique<ast::Statement>(select(query));
  out.with_data = !into.skipData;
  out.temporary = into.rel->relpersistence == 't';
  return out;
}

ast::CreateIndexStatement Walker::create_index(const IndexStmt& s) {
  ast::CreateIndexStatement out;
  out.name = text_of(s.idxname);
  out.table = relation_name(*s.relation);
  out.location = s.relation->location;
  out.unique = s.unique;
  out.if_not_exists = s.if_not_exists;
  const auto refuse = [&](bool present, const char* what) {
    if (present && out.unsupported_what.empty()) out.unsupported_what = what;
  };
  const std::string_view method = s.accessMethod;
  refuse(method != "btree" && method != "hash", "index access methods other than btree");
  refuse(s.whereClause != nullptr, "partial indexes");
  refuse(size(s.indexIncludingParams) > 0, "INCLUDE columns");
  refuse(s.nulls_not_distinct, "NULLS NOT DISTINCT");
  for (int i = 0; i < size(s.indexParams); ++i) {
    const auto& element = as<IndexElem>(at(s.indexParams, i));
    refuse(element.expr != nullptr, "indexes on expressions");
    if (element.name != nullptr) out.columns.push_back(text_of(element.name));
  }
  return out;
}

// ---- ALTER TABLE ----

ast::Statement::Node Walker::alter_table(const AlterTableStmt& s) {
  using Object = ast::AlterTableStatement::Object;
  ast::AlterTableStatement out;
  if (s.objtype == OBJECT_INDEX)
    out.object = Object::index;
  else if (s.objtype == OBJECT_SEQUENCE)
    out.object = Object::sequence;
  else if (s.objtype != OBJECT_TABLE)
    throw Unsupported{"ALTER of this kind of object"};
  out.name = relation_name(*s.relation);
  out.if_exists = s.missing_ok;
  for (int i = 0; i < size(s.cmds); ++i) out.actions.push_back(alter_action(as<AlterTableCmd>(at(s.cmds, i))));
  return out;
}

ast::Statement::Node Walker::set_schema(const AlterObjectSchemaStmt& s) {
  using Object = ast::AlterTableStatement::Object;
  if (s.objectType != OBJECT_TABLE && s.objectType != OBJECT_SEQUENCE) throw Unsupported{"ALTER ... SET SCHEMA"};
  ast::AlterTableStatement out;
  if (s.objectType == OBJECT_SEQUENCE) out.object = Object::sequence;
  out.name = relation_name(*s.relation);
  out.if_exists = s.missing_ok;
  ast::AlterAction& action = out.actions.emplace_back();
  action.kind = ast::AlterAction::Kind::set_schema;
  action.name = text_of(s.newschema);
  return out;
}

ast::AlterAction Walker::alter_action(const AlterTableCmd& command) {
  using Kind = ast::AlterAction::Kind;
  ast::AlterAction out;
  out.name = text_of(command.name);
  out.cascade = command.behavior == DROP_CASCADE;
  switch (command.subtype) {
    case AT_AddColumn:
      out.kind = Kind::add_column;
      out.exists_ok = command.missing_ok;
      out.column = column(as<ColumnDef>(command.def));
      return out;
    case AT_DropColumn:
      out.kind = Kind::drop_column;
      out.missing_ok = command.missing_ok;
      return out;
    case AT_ColumnDefault:
      out.kind = Kind::set_default;
      out.expression = expr(command.def);
      return out;
    case AT_SetNotNull:
      out.kind = Kind::set_not_null;
      return out;
    case AT_DropNotNull:
      out.kind = Kind::drop_not_null;
      return out;
    case AT_AlterColumnType: {
      const auto& d = as<ColumnDef>(command.def);
      out.kind = Kind::set_type;
      out.type = type_name(*d.typeName);
      out.expression = expr(d.raw_default);
      out.location = d.location;
      return out;
    }
    case AT_AddConstraint: {
      const auto& c = as<Constraint>(command.def);
      if (c.contype == CONSTR_PRIMARY || c.contype == CONSTR_UNIQUE) {
        out.kind = Kind::add_key;
        out.key = key_constraint(c);
      } else if (c.contype == CONSTR_CHECK) {
        out.kind = Kind::add_check;
        out.check = check_clause(c);
      } else if (c.contype == CONSTR_FOREIGN) {
        out.kind = Kind::add_foreign_key;
        out.foreign_key = foreign_key(c);
      } else {
        throw Unsupported{constraint_word(c.contype)};
      }
      return out;
    }
    case AT_AlterConstraint: {
      const auto& c = as<Constraint>(command.def);
      out.kind = Kind::alter_constraint;
      out.name = text_of(c.conname);
      out.foreign_key.deferrable = c.deferrable;
      out.foreign_key.deferred = c.initdeferred;
      return out;
    }
    case AT_DropConstraint:
      out.kind = Kind::drop_constraint;
      out.missing_ok = command.missing_ok;
      return out;
    case AT_ValidateConstraint:
      out.kind = Kind::validate_constraint;
      return out;
    case AT_ChangeOwner:
      out.kind = Kind::owner_to;
      out.name = role_name(*command.newowner);
      return out;
    case AT_AddIdentity: {
      const auto& c = as<Constraint>(command.def);
      out.kind = Kind::add_identity;
      out.identity = {c.generated_when == 'a', sequence_options(c.options)};
      return out;
    }
    case AT_SetIdentity: {
      out.kind = Kind::set_identity;
      const auto* options = &as<List>(command.def);
      for (int i = 0; i < size(options); ++i) {
        const auto& o = as<DefElem>(at(options, i));
        if (std::string_view(o.defname) != "generated") continue;
        out.sets_always = true;
        out.identity.always = as<Integer>(o.arg).ival == 'a';
      }
      out.identity.options = sequence_options(options);
      return out;
    }
    case AT_DropIdentity:
      out.kind = Kind::drop_identity;
      out.missing_ok = command.missing_ok;
      return out;
    case AT_SetStatistics:
    case AT_SetOptions:
    case AT_ResetOptions:
    case AT_SetStorage:
    case AT_SetCompression:
    case AT_ClusterOn:
    case AT_DropCluster:
    case AT_SetLogged:
    case AT_SetRelOptions:
    case AT_ResetRelOptions:
    case AT_ReplicaIdentity:
    case AT_DisableRowSecurity:
    case AT_EnableTrigAll:
    case AT_EnableTrigUser:
      out.kind = Kind::nothing;
      return out;
    default:
      throw Unsupported{"this form of ALTER TABLE"};
  }
}

// ALTER … RENAME of what we have; anything else is refused.
ast::Statement::Node Walker::rename(const RenameStmt& s) {
  using Kind = ast::RenameStatement::Kind;
  ast::RenameStatement out;
  switch (s.renameType) {
    case OBJECT_TABLE:
      out.kind = Kind::table;
      break;
    case OBJECT_INDEX:
      out.kind = Kind::index;
      break;
    case OBJECT_SEQUENCE:
      out.kind = Kind::sequence;
      break;
    case OBJECT_COLUMN:
      if (s.relationType != OBJECT_TABLE) throw Unsupported{"ALTER ... RENAME"};
      out.kind = Kind::column;
      break;
    case OBJECT_TABCONSTRAINT:
      out.kind = Kind::constraint;
      break;
    case OBJECT_SCHEMA:
      out.kind = Kind::schema;
      out.from = text_of(s.subname);
      out.to = text_of(s.newname);
      return out;
    default:
      throw Unsupported{"ALTER ... RENAME"};
  }
  out.relation = relation_name(*s.relation);
  out.from = text_of(s.subname);
  out.to = text_of(s.newname);
  out.if_exists = s.missing_ok;
  return out;
}

// ---- sequences ----

ast::SequenceOptions Walker::sequence_options(const List* options) {
  using Limit = ast::SequenceOptions::Limit;
  ast::SequenceOptions out;
  for (int i = 0; i < size(options); ++i) {
    const auto& o = as<DefElem>(at(options, i));
    const std::string_view name = o.defname;
    const auto once = [&](bool given) {
      if (given && out.repeated.empty()) out.repeated = name;
    };
    if (name == "as") {
      once(out.type.has_value());
      out.type = type_name(as<TypeName>(o.arg));
    } else if (name == "increment") {
      once(out.increment.has_value());
      out.increment = number_of(o.arg);
    } else if (name == "start") {
      once(out.start.has_value());
      out.start = number_of(o.arg);
    } else if (name == "cache") {
      once(out.cache.has_value());
      out.cache = number_of(o.arg);
    } else if (name == "cycle") {
      once(out.cycle.has_value());
      out.cycle = as<Boolean>(o.arg).boolval;
    } else if (name == "restart") {
      once(out.restart);
      out.restart = true;
      if (o.arg != nullptr) out.restart_value = number_of(o.arg);
    } else if (name == "minvalue") {
      once(out.minimum != Limit::unsaid);
      out.minimum = o.arg == nullptr ? Limit::none : Limit::value;
      if (o.arg != nullptr) out.minimum_value = number_of(o.arg);
    } else if (name == "maxvalue") {
      once(out.maximum != Limit::unsaid);
      out.maximum = o.arg == nullptr ? Limit::none : Limit::value;
      if (o.arg != nullptr) out.maximum_value = number_of(o.arg);
    } else if (name == "owned_by") {
      once(!out.owned_by.empty());
      out.owned_by = strings(&as<List>(o.arg));
    } else if (name != "generated") {
      throw Unsupported{"this option of a sequence"};
    }
  }
  return out;
}

ast::CreateSequenceStatement Walker::create_sequence(const CreateSeqStmt& s) {
  ast::CreateSequenceStatement out;
  out.name = relation_name(*s.sequence);
  out.if_not_exists = s.if_not_exists;
  out.temporary = s.sequence->relpersistence == 't';
  out.options = sequence_options(s.options);
  return out;
}

ast::AlterSequenceStatement Walker::alter_sequence(const AlterSeqStmt& s) {
  ast::AlterSequenceStatement out;
  out.name = relation_name(*s.sequence);
  out.if_exists = s.missing_ok;
  out.options = sequence_options(s.options);
  return out;
}

// ---- the rest ----

ast::SetConstraintsStatement Walker::set_constraints(const ConstraintsSetStmt& s) {
  ast::SetConstraintsStatement out;
  out.deferred = s.deferred;
  for (int i = 0; i < size(s.constraints); ++i)
    out.names.push_back(relation_name(as<RangeVar>(at(s.constraints, i))));
  return out;
}

// Comments on relations and columns are kept, others accepted without effect.
ast::Statement::Node Walker::comment(const CommentStmt& s) {
  ast::CommentStatement out;
  if (s.comment != nullptr) out.text = text_of(s.comment);
  switch (s.objtype) {
    case OBJECT_TABLE:
    case OBJECT_SEQUENCE:
    case OBJECT_INDEX:
      out.relation = name_from(&as<List>(s.object), -1);
      return out;
    case OBJECT_COLUMN: {
      std::vector<std::string> parts = strings(&as<List>(s.object));
      if (parts.size() < 2) throw Invalid{"42601", "column name must be qualified"};
      out.kind = ast::CommentStatement::Kind::column;
      out.column = parts.back();
      out.relation.name = parts[parts.size() - 2];
      if (parts.size() > 2) out.relation.schema = parts[parts.size() - 3];
      return out;
    }
    default:
      return ast::NoOpStatement{"COMMENT"};
  }
}

}  // namespace gyre::adapter::pg
