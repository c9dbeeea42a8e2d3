// Bound scalar expressions: every name resolved, every type known, every cast explicit. Immutable after
// binding, shared by all executions of a plan; evaluation keeps its state in the EvalContext.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "reactor/base/arena.h"
#include "storage/datum.h"
#include "storage/type.h"

namespace gyre::storage {

// What a session remembers of the sequences that it has used.
struct SequenceMemory {
  std::unordered_map<std::uint32_t, std::int64_t> values;  // by oid
  std::optional<std::uint32_t> last;
};

// What functions may ask of the catalog and of the oracle core. All throw Failure; oids are as pg_class and
// pg_constraint have them. On a shard, sequences can be looked at but not moved.
class Surroundings {
 public:
  enum class Text : std::uint8_t { index_definition, constraint_definition, comment };
  // An object or role as a function's argument names it.
  struct Name {
    bool by_number = false;
    std::int64_t number = 0;  // an oid; of a column, its attnum
    std::string_view text;
  };
  struct PrivilegeQuestion {
    enum class On : std::uint8_t { table, column, any_column, sequence, schema, database, role };
    On on;
    std::optional<Name> asker;  // none: the current role
    Name object;
    Name column;                // On::column
    std::string_view privileges;  // "SELECT, UPDATE WITH GRANT OPTION": any of them
  };

  // What a relation takes: itself, as a table with what belongs to it, its indexes, all of that.
  enum class Size : std::uint8_t { relation, table, indexes, total };
  enum class Whole : std::uint8_t { database, tablespace };

  virtual std::int64_t next_value(std::uint32_t sequence) = 0;
  virtual std::int64_t current_value(std::uint32_t sequence) = 0;
  virtual std::int64_t last_value() = 0;
  virtual void set_value(std::uint32_t sequence, std::int64_t value, bool called) = 0;
  // The value that nextval() gave last, whoever asked; nothing before the first.
  virtual std::optional<std::int64_t> newest_value(std::uint32_t sequence) = 0;
  // The sequence of a serial or identity column, as SQL spells it; nothing if there is none.
  virtual std::optional<std::string> serial_sequence(std::string_view table, std::string_view column) = 0;
  // Of the object, or of its part `number` (a column); nothing if there is none. `pretty`: as for people.
  virtual std::optional<std::string> text(Text what, std::uint32_t oid, std::int32_t number, bool pretty) = 0;
  virtual std::optional<std::uint32_t> find_relation(std::string_view name) = 0;
  // Nothing where an oid or a number names what is not there.
  virtual std::optional<bool> has_privilege(const PrivilegeQuestion& question) = 0;
  virtual std::optional<std::string> role_name(std::uint32_t oid) = 0;
  // Whether the relation's bare name finds it; nothing if there is none.
  virtual std::optional<bool> is_visible(std::uint32_t relation) = 0;
  // Those of the search path that are there and that the current role may use.
  virtual std::vector<std::string> schemas() = 0;
  // Bytes, estimated from some nodes of each tree; nothing if there is no such relation.
  virtual std::optional<std::int64_t> relation_size(Size what, std::uint32_t relation) = 0;
  // The same of all relations.
  virtual std::int64_t whole_size(Whole what, const Name& name) = 0;

 protected:
  ~Surroundings() = default;
};

// Facts about the session and the server that functions may ask for; owned by the session, constant during a
// statement.
class SessionLocks;  // storage/scalar/session_locks.h
class SessionDirectory;  // storage/scalar/session_directory.h

struct SessionFacts {
  std::string_view current_user, session_user, database, server_version, version_text;
  std::uint32_t backend_pid = 0;
  // Looks up a setting as SHOW would; returns false if there is none.
  bool (*current_setting)(const void* session, std::string_view name, std::string& value) = nullptr;
  const void* session = nullptr;
  // SET or, `local`, SET LOCAL; a value that is null (has no data()) is RESET. Throws what the session throws.
  void (*set_setting)(void* settings, std::string_view name, std::string_view value, bool local) = nullptr;
  void* settings = nullptr;
  SessionLocks* locks = nullptr;  // null but on the oracle core
  SessionDirectory* sessions = nullptr;  // null but while a statement runs that asks for it
  const void* access_rules = nullptr;  // adapter's, for the system relation that shows them; null: none
  Surroundings* surroundings = nullptr;  // null: there is no catalog to ask
  SequenceMemory* sequence_memory = nullptr;
};

struct Hoisted;  // storage/scalar/hoist.h

// What an execution brings to its expressions.
struct EvalContext {
  const Datum* columns = nullptr;     // the operator's current input row
  const Datum* parameters = nullptr;  // values of $1, $2, … and then of the statement's literals
  Arena* arena = nullptr;  // for results that need bytes; reset by the executor between rows or statements
  const TextStyle* style = nullptr;
  const SessionFacts* session = nullptr;
  std::int64_t transaction_us = 0;  // now(): microseconds since 2000-01-01 UTC
  std::int64_t statement_us = 0;
  Hoisted* hoisted = nullptr;    // places of hoist(), one each; null: nothing is remembered
  Arena* hoist_arena = nullptr;  // lives as long as `hoisted`
};

class Expression {
 public:
  explicit Expression(Type type) : type_(type) {}
  virtual ~Expression() = default;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  Type type() const { return type_; }
  // The value for the context's row and parameters. Throws Failure.
  virtual Datum evaluate(EvalContext& context) const = 0;
  // Calls visit(child) for each direct operand.
  virtual void for_each_child(const std::function<void(const Expression&)>& visit) const = 0;
  // A copy in which column i reads columns[map[i]] (map[i] < 0 never occurs in a well-formed rewrite).
  virtual std::unique_ptr<Expression> clone_with_columns(const std::vector<int>& map) const = 0;

 private:
  Type type_;
};

using ExpressionPtr = std::unique_ptr<Expression>;

}  // namespace gyre::storage
