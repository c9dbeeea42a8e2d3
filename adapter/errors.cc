#include "adapter/errors.h"

#include <fmt/format.h>

#include <new>

#include "reactor/base/memory_budget.h"

namespace gyre::adapter {

using storage::Fault;
namespace sql_state = pgwire::sql_state;

pgwire::SqlState sql_state_of(Fault fault) {
  switch (fault) {
    case Fault::invalid_text_representation:
      return "22P02";
    case Fault::invalid_binary_representation:
      return "22P03";
    case Fault::protocol_violation:
      return "08P01";
    case Fault::numeric_value_out_of_range:
      return "22003";
    case Fault::division_by_zero:
      return "22012";
    case Fault::string_data_right_truncation:
      return "22001";
    case Fault::invalid_datetime_format:
      return "22007";
    case Fault::invalid_time_zone_displacement:
      return "22009";
    case Fault::datetime_field_overflow:
      return "22008";
    case Fault::invalid_parameter_value:
      return "22023";
    case Fault::invalid_regular_expression:
      return "2201B";
    case Fault::invalid_escape_sequence:
      return "22025";
    case Fault::character_not_in_repertoire:
      return "22021";
    case Fault::untranslatable_character:
      return "22P05";
    case Fault::null_value_not_allowed:
      return "22004";
    case Fault::not_null_violation:
      return "23502";
    case Fault::unique_violation:
      return "23505";
    case Fault::check_violation:
      return "23514";
    case Fault::foreign_key_violation:
      return "23503";
    case Fault::serialization_failure:
      return "40001";
    case Fault::invalid_argument_for_logarithm:
      return "2201E";
    case Fault::invalid_argument_for_power_function:
      return "2201F";
    case Fault::substring_error:
      return "22011";
    case Fault::cannot_coerce:
      return "42846";
    case Fault::undefined_function:
      return "42883";
    case Fault::feature_not_supported:
      return "0A000";
    case Fault::program_limit_exceeded:
      return "54000";
    case Fault::statement_too_complex:
      return "54001";
    case Fault::out_of_memory:
      return "53200";
    case Fault::query_canceled:
      return "57014";
    case Fault::undefined_object:
      return "42704";
    case Fault::undefined_table:
      return "42P01";
    case Fault::undefined_column:
      return "42703";
    case Fault::invalid_name:
      return "42602";
    case Fault::sequence_generator_limit_exceeded:
      return "2200H";
    case Fault::object_not_in_prerequisite_state:
      return "55000";
    case Fault::wrong_object_type:
      return "42809";
    case Fault::insufficient_privilege:
      return "42501";
    case Fault::read_only_transaction:
      return "25006";
    case Fault::data_exception:
      return "22000";
    case Fault::internal_error:
      break;
  }
  return "XX000";
}

SqlError result_too_large(std::uint64_t limit) {
  return SqlError("54000", fmt::format("result exceeds max_query_result_size ({} bytes)", limit));
}

pgwire::Diagnostic diagnostic_of(const storage::Failure& failure) {
  pgwire::Diagnostic out;
  out.code = sql_state_of(failure.fault);
  out.message = failure.message;
  out.detail = failure.detail;
  out.hint = failure.hint;
  out.table_name = failure.table;
  out.column_name = failure.column;
  out.constraint_name = failure.constraint;
  if (!failure.table.empty()) out.schema_name = "public";
  return out;
}

std::uint32_t character_position(std::string_view text, int location) {
  if (location < 0) return 0;
  std::uint32_t position = 1;
  const std::size_t end = std::min(text.size(), static_cast<std::size_t>(location));
  for (std::size_t i = 0; i < end; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) ++position;
  return position;
}

pgwire::Diagnostic diagnostic_of(const SqlError& error, std::string_view text, std::size_t base) {
  pgwire::Diagnostic out;
  out.code = error.sql_state;
  out.message = error.message;
  out.detail = error.detail;
  out.hint = error.hint;
  out.routine = error.routine;
  if (error.character > 0) {
    out.position =
        static_cast<std::uint32_t>(error.character) + character_position(text, static_cast<int>(base)) - 1;
    return out;
  }
  out.position = error.location < 0 ? 0 : character_position(text, error.location + static_cast<int>(base));
  return out;
}

pgwire::Diagnostic diagnostic_of_current_exception(std::string_view text, std::size_t base) {
  try {
    throw;
  } catch (const ErrorInContext& error) {
    pgwire::Diagnostic out = [&] {
      try {
        std::rethrow_exception(error.cause);
      } catch (...) {
        return diagnostic_of_current_exception(text, base);
      }
    }();
    out.where = error.context;
    return out;
  } catch (const SqlError& error) {
    return diagnostic_of(error, text, base);
  } catch (const storage::Failure& failure) {
    return diagnostic_of(failure);
  } catch (const OverBudget& refused) {
    pgwire::Diagnostic out;
    out.code = "53200";
    out.message = "out of memory";
    out.detail = refused.detail();
    return out;
  } catch (const std::bad_alloc&) {
    pgwire::Diagnostic out;
    out.code = "53200";
    out.message = "out of memory";
    return out;
  } catch (const std::exception& unexpected) {
    pgwire::Diagnostic out;
    out.code = "XX000";
    out.message = unexpected.what();
    return out;
  }
}

}  // namespace gyre::adapter
