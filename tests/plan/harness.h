// SQL against an in-memory database: parse, plan, run. Definitions are done by hand, as the coordinator
// would.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/catalog/catalog.h"
#include "adapter/exec/executor.h"
#include "adapter/plan/plan.h"
#include "adapter/plan/rewrite/rewrite.h"
#include "storage/branch.h"

namespace gyre::test {

struct RunOptions {
  bool literals_as_parameters = true;
  bool rewrites = true;
  bool slices = false;  // every call gets a slice that is over after 64 checks at most
  std::size_t memory_limit = SIZE_MAX;
  std::vector<std::string> parameters;  // text of $1, …; "\\N" is NULL
};

class Harness {
 public:
  Harness();
  ~Harness();

  // Rows as text, columns parted by '|', one per line, then "affected n" for changes; "ERROR 42P01: …" for
  // errors. Runs CREATE TABLE and CREATE INDEX as well.
  std::string run(std::string_view sql, const RunOptions& options = {});
  std::vector<std::string> rows(std::string_view sql, const RunOptions& options = {});
  // The physical plan's text, or the error.
  std::string plan_of(std::string_view sql, const RunOptions& options = {});
  void set_role(adapter::RoleId role) { role_ = role; }
  adapter::Catalog& catalog() { return catalog_; }
  storage::Branch& branch() { return *branch_; }

 private:
  std::string run_statement(const adapter::ast::Statement& statement, const RunOptions& options);
  void create_table(const adapter::ast::CreateTableStatement& statement);
  void create_index(const adapter::ast::CreateIndexStatement& statement);
  adapter::PlanContext context() const;
  std::unique_ptr<const adapter::Plan> plan(const adapter::ast::Statement& statement,
                                            const RunOptions& options) const;

  adapter::Catalog catalog_;
  adapter::RoleId role_;
  std::vector<std::string> search_path_ = {"public"};
  storage::TextStyle style_;
  storage::SessionFacts session_;
  storage::Database base_;
  std::unique_ptr<storage::Branch> branch_;
};

}  // namespace gyre::test
