#include "adapter/history/execution_record.h"

#include <cstring>
#include <type_traits>

#include "reactor/base/check.h"

namespace gyre::adapter {

using storage::StatementExecution;

namespace {

static_assert(std::is_trivially_copyable_v<StatementExecution::Figures>);

// In the order in which they are written.
constexpr std::string_view StatementExecution::* kTexts[] = {
    &StatementExecution::sql,         &StatementExecution::prepared_name, &StatementExecution::type,
    &StatementExecution::status,      &StatementExecution::strategy,      &StatementExecution::error,
    &StatementExecution::parameters,  &StatementExecution::user,          &StatementExecution::database,
    &StatementExecution::application, &StatementExecution::first_application,
    &StatementExecution::search_path, &StatementExecution::isolation};

}  // namespace

void write_execution(const StatementExecution& execution, OutBuffer& out) {
  out.append(&execution.figures, sizeof execution.figures);
  for (const auto text : kTexts) {
    const std::string_view bytes = execution.*text;
    const auto length = static_cast<std::uint32_t>(bytes.size());
    out.append(&length, sizeof length);
    out.append(bytes);
  }
}

StatementExecution read_execution(std::string_view record) {
  StatementExecution execution;
  std::memcpy(&execution.figures, record.data(), sizeof execution.figures);
  record.remove_prefix(sizeof execution.figures);
  for (const auto text : kTexts) {
    std::uint32_t length;
    GYRE_CHECK(record.size() >= sizeof length);
    std::memcpy(&length, record.data(), sizeof length);
    execution.*text = record.substr(sizeof length, length);
    record.remove_prefix(sizeof length + length);
  }
  return execution;
}

}  // namespace gyre::adapter
