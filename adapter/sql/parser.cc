#include "adapter/sql/parser.h"

#include <algorithm>

#include "adapter/sql/extension_parser.h"
#include "adapter/sql/pg_tree.h"

namespace gyre::adapter {
namespace {

// Within a comment, PostgreSQL's scanner reads each run of operator bytes anew from every "/*" in it. A text
// like
// "/*/*/*/*…" takes it quadratic time, minutes for a megabyte, so runs that long are refused.
bool costly_comments(std::string_view text) {
  constexpr std::size_t kLongRun = 4096;
  constexpr std::string_view kOperatorBytes = "~!@#^&|`?+-*/%<>=";
  std::size_t opening = text.find("/*");
  while (opening != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_not_of(kOperatorBytes, opening), text.size());
    if (end - opening > kLongRun &&
        text.substr(opening, end - opening).find("/*", 2) != std::string_view::npos)
      return true;
    opening = text.find("/*", end);
  }
  return false;
}

using Statements = std::vector<ast::StatementPtr>;

// Gives a CREATE INDEX the cluster that was taken out of its text.
void restore_cluster(Statements& statements, const ExtendedText::Cluster& cluster) {
  for (ast::StatementPtr& statement : statements) {
    if (statement->begin < cluster.begin || statement->begin >= cluster.end) continue;
    if (auto* index = std::get_if<ast::CreateIndexStatement>(&statement->node)) index->cluster = cluster.name;
  }
}

// Says of an EXPLAIN what it is about.
void restore_timestamp(Statements& statements, const ExtendedText::Timestamp& timestamp) {
  for (ast::StatementPtr& statement : statements) {
    if (statement->begin < timestamp.begin || statement->begin >= timestamp.end) continue;
    if (auto* explain = std::get_if<ast::ExplainStatement>(&statement->node)) {
      using Explain = ast::ExplainStatement;
      explain->subject = Explain::Subject::timestamp;
      explain->format = timestamp.json ? Explain::Format::json : Explain::Format::text;
    }
  }
}

void restore_strict(Statements& statements, const ExtendedText::Strict& strict) {
  for (ast::StatementPtr& statement : statements) {
    if (statement->begin < strict.begin || statement->begin >= strict.end) continue;
    if (auto* modes = std::get_if<ast::TransactionStatement>(&statement->node))
      modes->isolation = "strict serializable";
  }
}

Result<Statements, SyntaxError> parse_extended(std::string_view text) {
  auto extended = extract_extensions(text);
  if (!extended) return Unexpected{std::move(extended.error())};
  auto parsed = parse_postgres(extended->rest);
  if (!parsed) return parsed;
  for (const auto& cluster : extended->clusters) restore_cluster(*parsed, cluster);
  for (const auto& timestamp : extended->timestamps) restore_timestamp(*parsed, timestamp);
  for (const auto& strict : extended->stricts) restore_strict(*parsed, strict);
  std::ranges::move(extended->statements, std::back_inserter(*parsed));
  std::ranges::sort(*parsed, {}, [](const ast::StatementPtr& s) { return s->begin; });
  return parsed;
}

}  // namespace

Result<Statements, SyntaxError> parse_sql(std::string_view text) {
  if (text.find('\0') != std::string_view::npos)
    return Unexpected{SyntaxError{"22021", "invalid byte sequence for encoding \"UTF8\": 0x00", 0, ""}};
  if (costly_comments(text)) return Unexpected{SyntaxError{"54000", "comment is nested too deeply", 0, ""}};
  return may_be_extended(text) ? parse_extended(text) : parse_postgres(text);
}

}  // namespace gyre::adapter
