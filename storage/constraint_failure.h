// The words of constraint failures, as PostgreSQL has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/datum.h"
#include "storage/failure.h"
#include "storage/table.h"
#include "storage/type.h"

namespace gyre::storage {

// duplicate key value violates unique constraint "t_pkey" / Key (id)=(1) already exists.
Failure duplicate_key(const TableSchema& table, std::string_view constraint,
                      std::span<const std::uint16_t> columns, const char* packed, const TextStyle& style);
// could not create unique index "t_a_idx" / Key (a)=(1) is duplicated.
Failure duplicate_in_new_index(const TableSchema& table, const IndexSchema& index, const char* packed,
                               const TextStyle& style);
// index row size 9000 exceeds maximum 8191 for index "t_a_idx"
Failure oversize_key(std::size_t size, std::size_t maximum, std::string_view index);
// new row for relation "t" violates check constraint "t_a_check" / Failing row contains (…).
Failure failed_check(const TableSchema& table, std::string_view constraint, std::span<const Datum> row,
                     const TextStyle& style);
// "Key (a, b)=(1, x)" for details.
std::string key_description(const TableSchema& table, std::span<const std::uint16_t> columns,
                            std::span<const Datum> row, const TextStyle& style);
// Throws the not_null_violation of the first column that is null and must not be.
void check_not_null(const TableSchema& table, std::span<const Datum> row, const TextStyle& style);

}  // namespace gyre::storage
