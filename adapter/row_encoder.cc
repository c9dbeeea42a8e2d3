#include "adapter/row_encoder.h"

#include <charconv>

#include "pgwire/backend_messages.h"
#include "reactor/base/check.h"

namespace gyre::adapter {

using pgwire::Format;
using storage::Datum;
using storage::TypeId;

RowEncoder::RowEncoder(std::span<const OutputColumn> columns, std::span<const Format> formats) {
  columns_.reserve(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Format format = formats.empty() ? Format::text : formats[formats.size() == 1 ? 0 : i];
    const Method method = method_for(columns[i].type, format);
    bounded_ = bounded_ && method != Method::print && method != Method::send;
    columns_.push_back({method, format, &storage::traits(columns[i].type)});
  }
}

RowEncoder::Method RowEncoder::method_for(storage::Type type, Format format) {
  switch (type.id) {
    case TypeId::text:
    case TypeId::varchar:
    case TypeId::bpchar:
    case TypeId::name:
    case TypeId::unknown:
      return Method::bytes;
    case TypeId::int2:
    case TypeId::int4:
    case TypeId::int8:
    case TypeId::oid:
      return format == Format::text ? Method::int_text : Method::send;
    case TypeId::boolean:
      return format == Format::text ? Method::bool_text : Method::send;
    default:
      return format == Format::text ? Method::print : Method::send;
  }
}

inline void RowEncoder::append(const Column& column, Datum value, const storage::TextStyle& style,
                               OutBuffer& out) {
  if (value.null) {
    pgwire::append_null(out);
    return;
  }
  switch (column.method) {
    case Method::bytes:
      pgwire::append_value(out, value.bytes());
      return;
    case Method::int_text: {
      char* at = out.reserve(4 + 20);
      const char* end = std::to_chars(at + 4, at + 24, value.integer).ptr;
      const auto length = static_cast<std::uint32_t>(end - at - 4);
      const std::uint32_t word = __builtin_bswap32(length);
      std::memcpy(at, &word, sizeof word);
      out.commit(4 + length);
      return;
    }
    case Method::bool_text: {
      const char bytes[5] = {0, 0, 0, 1, value.integer != 0 ? 't' : 'f'};
      out.append(bytes, sizeof bytes);
      return;
    }
    case Method::print: {
      const std::size_t start = pgwire::begin_value(out);
      column.type->print(value, style, out);
      pgwire::end_value(out, start);
      return;
    }
    case Method::send: {
      const std::size_t start = pgwire::begin_value(out);
      column.type->send(value, out);
      pgwire::end_value(out, start);
      return;
    }
  }
}

void RowEncoder::encode(const Datum* values, const storage::TextStyle& style, OutBuffer& out) const {
  const std::size_t before = out.size();
  try {
    const std::size_t start = pgwire::begin_data_row(out, static_cast<std::uint16_t>(columns_.size()));
    for (std::size_t i = 0; i < columns_.size(); ++i) append(columns_[i], values[i], style, out);
    pgwire::end_data_row(out, start);
  } catch (...) {
    out.truncate(before);  // a row that is too large is not there at all
    throw;
  }
}

namespace {
constexpr std::size_t kLongestInt = 4 + 20;          // length word, sign and digits
constexpr std::size_t kReservedMost = 64 * 1024;     // rows that might be larger are not encoded in one piece

inline char* put_word(char* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}
}  // namespace

// For the bounded methods, into memory that is known to suffice.
inline char* RowEncoder::put(char* at, Method method, Datum value) {
  if (value.null) return put_word(at, UINT32_MAX);
  if (method == Method::bytes) {
    at = put_word(at, value.size);
    std::memcpy(at, value.data, value.size);
    return at + value.size;
  }
  if (method == Method::int_text) {
    char* end = std::to_chars(at + 4, at + kLongestInt, value.integer).ptr;
    put_word(at, static_cast<std::uint32_t>(end - at - 4));
    return end;
  }
  at = put_word(at, 1);
  *at = value.integer != 0 ? 't' : 'f';
  return at + 1;
}

void RowEncoder::encode_packed(std::string_view row, const storage::RowLayout& layout,
                               std::span<const std::uint16_t> columns, const storage::TextStyle& style,
                               OutBuffer& out) const {
  GYRE_DCHECK(columns.size() == columns_.size());
  const std::size_t bound = columns.size() * (kLongestInt + row.size());
  if (bounded_ && bound <= kReservedMost) {
    char* const first = out.reserve(7 + bound);
    char* at = first + 7;
    for (std::size_t i = 0; i < columns.size(); ++i)
      at = put(at, columns_[i].method, layout.get(row.data(), columns[i]));
    const auto length = static_cast<std::size_t>(at - first);
    first[0] = 'D';
    put_word(first + 1, static_cast<std::uint32_t>(length - 1));
    const std::uint16_t count = __builtin_bswap16(static_cast<std::uint16_t>(columns.size()));
    std::memcpy(first + 5, &count, sizeof count);
    out.commit(length);
    return;
  }
  const std::size_t before = out.size();
  try {
    const std::size_t start = pgwire::begin_data_row(out, static_cast<std::uint16_t>(columns_.size()));
    for (std::size_t i = 0; i < columns_.size(); ++i)
      append(columns_[i], layout.get(row.data(), columns[i]), style, out);
    pgwire::end_data_row(out, start);
  } catch (...) {
    out.truncate(before);
    throw;
  }
}

pgwire::Field field_of(const OutputColumn& column, Format format) {
  pgwire::Field field;
  field.name = column.name;
  field.table_oid = column.table_oid;
  field.attnum = column.column_number;
  // A string literal that nothing gave a type goes out as text, as PostgreSQL does.
  const storage::TypeTraits& type =
      storage::traits(column.type.id == TypeId::unknown ? storage::Type(TypeId::text) : column.type);
  field.type_oid = type.oid;
  field.type_size = type.wire_size;
  field.typmod = column.type.typmod;
  field.format = format;
  return field;
}

void RowEncoder::describe(std::span<const OutputColumn> columns, OutBuffer& out) const {
  std::vector<pgwire::Field> fields;
  fields.reserve(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) fields.push_back(field_of(columns[i], columns_[i].format));
  pgwire::row_description(out, fields);
}

}  // namespace gyre::adapter
