// From values to DataRow messages. The one file that sees both a packed row and the wire: the peek path
// encodes rows as they lie in the tree, without making values of them first.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "adapter/plan/plan.h"
#include "pgwire/backend_messages.h"
#include "pgwire/frontend_messages.h"
#include "reactor/base/out_buffer.h"
#include "storage/row.h"
#include "storage/type.h"

namespace gyre::adapter {

// How an answer's columns are written, for one choice of formats. Immutable; cached with a plan.
class RowEncoder {
 public:
  RowEncoder() = default;
  // `formats` as Bind gives them: none, one for all, or one per column (the caller has checked the count).
  RowEncoder(std::span<const OutputColumn> columns, std::span<const pgwire::Format> formats);

  // Appends a DataRow of the values, which are as many as columns.
  void encode(const storage::Datum* values, const storage::TextStyle& style, OutBuffer& out) const;
  // Appends a DataRow of these columns of a packed row. `columns` are as many as the encoder's.
  void encode_packed(std::string_view row, const storage::RowLayout& layout,
                     std::span<const std::uint16_t> columns, const storage::TextStyle& style,
                     OutBuffer& out) const;
  // Appends a RowDescription with the encoder's formats.
  void describe(std::span<const OutputColumn> columns, OutBuffer& out) const;

  std::size_t size() const { return columns_.size(); }

 private:
  enum class Method : std::uint8_t {
    bytes,      // the datum's bytes are the value, in text and in binary
    int_text,   // decimal digits
    bool_text,  // t, f
    print,      // the type's text form
    send,       // the type's binary form
  };
  struct Column {
    Method method;
    pgwire::Format format;
    const storage::TypeTraits* type;
  };
  static Method method_for(storage::Type type, pgwire::Format format);
  static void append(const Column& column, storage::Datum value, const storage::TextStyle& style,
                     OutBuffer& out);
  static char* put(char* at, Method method, storage::Datum value);

  std::vector<Column> columns_;
  bool bounded_ = true;  // every method is bytes, int_text or bool_text: a row's length is known before
};

// The RowDescription field of an output column.
pgwire::Field field_of(const OutputColumn& column, pgwire::Format format);

}  // namespace gyre::adapter
