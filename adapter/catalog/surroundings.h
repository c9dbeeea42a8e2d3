// What functions and regclass learn from a catalog (storage::Surroundings, storage::RelationNames). One object
// per session serves what runs on its shard; the oracle core makes another for each call, which can also move
// sequences.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "adapter/catalog/catalog.h"
#include "storage/database.h"
#include "storage/scalar/expression.h"

namespace gyre::adapter {

class CatalogSurroundings : public storage::Surroundings, public storage::RelationNames {
 public:
  std::uint32_t relation_oid(std::string_view name) const override;
  std::string relation_name(std::uint32_t oid) const override;

  std::int64_t next_value(std::uint32_t sequence) override;
  std::int64_t current_value(std::uint32_t sequence) override;
  std::int64_t last_value() override;
  void set_value(std::uint32_t sequence, std::int64_t value, bool called) override;
  std::optional<std::int64_t> newest_value(std::uint32_t sequence) override;
  std::optional<std::string> serial_sequence(std::string_view table, std::string_view column) override;
  std::optional<std::string> text(Text what, std::uint32_t oid, std::int32_t number, bool pretty) override;
  std::optional<std::uint32_t> find_relation(std::string_view name) override;
  std::optional<bool> has_privilege(const PrivilegeQuestion& question) override;  // privilege_questions.cc
  std::optional<std::string> role_name(std::uint32_t oid) override;
  std::optional<bool> is_visible(std::uint32_t relation) override;
  std::vector<std::string> schemas() override;
  std::optional<std::int64_t> relation_size(Size what, std::uint32_t relation) override;  // sizes.cc
  std::int64_t whole_size(Whole what, const Name& name) override;                         // sizes.cc

 protected:
  ~CatalogSurroundings() = default;

  // As they are now; all borrowed for the call.
  virtual const Catalog& catalog() const = 0;
  virtual const storage::Database& database() const = 0;
  virtual std::span<const std::string> search_path() const = 0;
  virtual RoleId role() const = 0;  // kPublicRole: nobody's rights are asked for
  virtual storage::SequenceMemory* memory() const = 0;

  std::optional<std::uint32_t> oid_in_schema(std::string_view schema, std::string_view name) const;
  std::optional<std::uint32_t> oid_on_path(std::string_view name) const;

  // The sequence of this oid, which the role may use with one of these rights. Throws.
  const TableEntry& sequence(std::uint32_t oid, PrivilegeSet one_of) const;
};

// The names that texts in the catalog are written with, whoever is asking: `public` goes without saying. What
// needs a database or a session is not there.
class CatalogNames final : public CatalogSurroundings {
 public:
  explicit CatalogNames(const Catalog& catalog) : catalog_(catalog) {}

 private:
  const Catalog& catalog() const override { return catalog_; }
  const storage::Database& database() const override;
  std::span<const std::string> search_path() const override;
  RoleId role() const override { return kPublicRole; }
  storage::SequenceMemory* memory() const override { return nullptr; }

  const Catalog& catalog_;
};

// A name as a regclass or a function's argument spells it: 'a', 'S.b', '"Q"."x"'. Throws Failure
// (invalid_name).
std::vector<std::string> split_name(std::string_view text);

// How a sequence stands: its only row.
struct SequenceState {
  std::int64_t last_value = 1;
  std::int64_t log_count = 0;
  bool called = false;
};
SequenceState read_sequence(const storage::TableVersion& version);

// "PRIMARY KEY (id)", "CHECK ((a > 0))", "FOREIGN KEY (a) REFERENCES t(id) ON DELETE CASCADE": what
// pg_get_constraintdef() answers.
std::string check_definition(const TableEntry& table, const CheckConstraint& check,
                             const storage::RelationNames* names, bool pretty);
std::string foreign_key_definition(const Catalog& catalog, const TableEntry& table, const ForeignKey& key,
                                   const storage::RelationNames& names);

}  // namespace gyre::adapter
