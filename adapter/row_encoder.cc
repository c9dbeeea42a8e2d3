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
    columns_.push_back({method_for(columns[i].type, format), format, &storage::traits(columns[i].type)});
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
  const std::size_t start = pgwire::begin_data_row(out, static_cast<std::uint16_t>(columns_.size()));
  for (std::size_t i = 0; i < columns_.size(); ++i) append(columns_[i], values[i], style, out);
  pgwire::end_data_row(out, start);
}

void RowEncoder::encode_packed(const char* row, const storage::RowLayout& layout,
                               std::span<const std::uint16_t> columns, const storage::TextStyle& style,
                               OutBuffer& out) const {
  GYRE_DCHECK(columns.size() == columns_.size());
  const std::size_t start = pgwire::begin_data_row(out, static_cast<std::uint16_t>(columns_.size()));
  for (std::size_t i = 0; i < columns_.size(); ++i)
    append(columns_[i], layout.get(row, columns[i]), style, out);
  pgwire::end_data_row(out, start);
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
