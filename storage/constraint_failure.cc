#include "storage/constraint_failure.h"

#include <string>
#include <vector>

#include "reactor/base/out_buffer.h"

namespace gyre::storage {

namespace {

// What a failing row shows of each value, in bytes.
constexpr std::size_t kShownBytesMax = 64;

std::string quoted(std::string_view name) {
  return '"' + std::string(name) + '"';
}

std::string text_of(Type type, Datum value, const TextStyle& style) {
  if (value.null) return "null";
  OutBuffer text;
  traits(type).print(value, style, text);
  return std::string(text.view());
}

// Cut between characters.
std::string shortened(std::string text) {
  if (text.size() <= kShownBytesMax) return text;
  std::size_t end = kShownBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string key_description(const TableSchema& table, std::span<const std::uint16_t> columns,
                            const char* packed, const TextStyle& style) {
  std::vector<Datum> row(table.columns.size());
  for (const std::uint16_t column : columns) row[column] = table.layout.get(packed, column);
  return storage::key_description(table, columns, row, style);
}

Failure about(Failure failure, const TableSchema& table, std::string_view constraint) {
  failure.table = table.name;
  failure.constraint = constraint;
  return failure;
}

std::string failing_row(const TableSchema& table, std::span<const Datum> row, const TextStyle& style) {
  std::string values;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i != 0) values += ", ";
    values += shortened(text_of(table.columns[i].type, row[i], style));
  }
  return "Failing row contains (" + values + ").";
}

Failure not_null_failure(const TableSchema& table, std::size_t column, std::span<const Datum> row,
                         const TextStyle& style) {
  const std::string& name = table.columns[column].name;
  Failure failure(Fault::not_null_violation,
                  "null value in column " + quoted(name) + " of relation " + quoted(table.name) +
                      " violates not-null constraint",
                  failing_row(table, row, style));
  failure.table = table.name;
  failure.column = name;
  return failure;
}

}  // namespace

std::string key_description(const TableSchema& table, std::span<const std::uint16_t> columns,
                            std::span<const Datum> row, const TextStyle& style) {
  std::string names;
  std::string values;
  for (const std::uint16_t column : columns) {
    if (!names.empty()) {
      names += ", ";
      values += ", ";
    }
    names += table.columns[column].name;
    values += text_of(table.columns[column].type, row[column], style);
  }
  return "Key (" + names + ")=(" + values + ")";
}

Failure failed_check(const TableSchema& table, std::string_view constraint, std::span<const Datum> row,
                     const TextStyle& style) {
  return about(Failure(Fault::check_violation,
                       "new row for relation " + quoted(table.name) + " violates check constraint " +
                           quoted(constraint),
                       failing_row(table, row, style)),
               table, constraint);
}

Failure duplicate_key(const TableSchema& table, std::string_view constraint,
                      std::span<const std::uint16_t> columns, const char* packed, const TextStyle& style) {
  return about(
      Failure(Fault::unique_violation, "duplicate key value violates unique constraint " + quoted(constraint),
              key_description(table, columns, packed, style) + " already exists."),
      table, constraint);
}

Failure duplicate_in_new_index(const TableSchema& table, const IndexSchema& index, const char* packed,
                               const TextStyle& style) {
  return about(Failure(Fault::unique_violation, "could not create unique index " + quoted(index.name),
                       key_description(table, index.columns, packed, style) + " is duplicated."),
               table, index.name);
}

Failure oversize_key(std::size_t size, std::size_t maximum, std::string_view index) {
  return Failure(Fault::program_limit_exceeded, "index row size " + std::to_string(size) +
                                                    " exceeds maximum " + std::to_string(maximum) +
                                                    " for index " + quoted(index));
}

void check_not_null(const TableSchema& table, std::span<const Datum> row, const TextStyle& style) {
  for (std::size_t i = 0; i < row.size(); ++i)
    if (row[i].null && table.columns[i].not_null) throw not_null_failure(table, i, row, style);
}

}  // namespace gyre::storage
