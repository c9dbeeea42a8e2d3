// What ends a statement: a kind of fault and the words for the client. Thrown by type input, expression
// evaluation and constraint checks; the adapter maps each kind to its SQLSTATE. Never thrown on a path that
// succeeds.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

namespace gyre::storage {

// Named after PostgreSQL's error conditions (manual, appendix A), one enumerator each.
enum class Fault : std::uint8_t {
  invalid_text_representation,    // 'abc' as an integer
  invalid_binary_representation,  // a binary value of the wrong length or content
  protocol_violation,             // a binary value that ends too early
  numeric_value_out_of_range,
  division_by_zero,
  string_data_right_truncation,  // 'abc' into varchar(2)
  invalid_datetime_format,
  datetime_field_overflow,
  invalid_time_zone_displacement,
  invalid_parameter_value,
  invalid_regular_expression,
  invalid_escape_sequence,
  character_not_in_repertoire,  // a byte sequence that is not UTF-8
  untranslatable_character,
  null_value_not_allowed,
  not_null_violation,
  unique_violation,
  check_violation,
  foreign_key_violation,
  serialization_failure,
  invalid_argument_for_logarithm,
  invalid_argument_for_power_function,
  substring_error,  // negative substring length
  cannot_coerce,
  undefined_function,
  feature_not_supported,
  program_limit_exceeded,
  statement_too_complex,  // stack depth
  out_of_memory,          // the memory limit, not the heap
  query_canceled,
  undefined_object,
  undefined_table,
  undefined_column,
  invalid_name,
  sequence_generator_limit_exceeded,  // nextval() beyond the last value
  object_not_in_prerequisite_state,   // currval() before nextval()
  wrong_object_type,
  insufficient_privilege,
  read_only_transaction,
  data_exception,
  internal_error,
};

class Failure : public std::exception {
 public:
  Failure(Fault fault, std::string message, std::string detail = {}, std::string hint = {})
      : fault(fault), message(std::move(message)), detail(std::move(detail)), hint(std::move(hint)) {}

  const char* what() const noexcept override { return message.c_str(); }

  Fault fault;
  std::string message;
  std::string detail;
  std::string hint;
  // Names of what a constraint failure is about; empty otherwise.
  std::string table;
  std::string column;
  std::string constraint;
};

}  // namespace gyre::storage
