// What clients say, decoded. Every string is a view into the frame it came from and lives as long as that
// frame. Decoders check everything that can be checked without knowing the session: layout, counts, text
// encoding. (PostgreSQL manual, "Message Formats".)
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "pgwire/diagnostic.h"
#include "pgwire/framer.h"
#include "reactor/base/result.h"

namespace gyre::pgwire {

enum class FrontendType : char {
  bind = 'B',
  close = 'C',
  describe = 'D',
  execute = 'E',
  function_call = 'F',
  flush = 'H',
  parse = 'P',
  query = 'Q',
  sync = 'S',
  terminate = 'X',
  copy_done = 'c',
  copy_data = 'd',
  copy_fail = 'f',
  password = 'p',  // also SASL and GSS answers
};

enum class Format : std::uint16_t { text = 0, binary = 1 };

// The list of format codes of a Bind or FunctionCall; every code is known to be 0 or 1.
class FormatList {
 public:
  FormatList() = default;
  FormatList(const char* codes, std::uint16_t count) : codes_(codes), count_(count) {}

  std::size_t size() const { return count_; }
  Format operator[](std::size_t i) const { return static_cast<Format>(detail::load_u16(codes_ + 2 * i)); }
  // The protocol's shorthand: none given means text for all, one given means that one for all.
  Format of(std::size_t column) const {
    if (count_ == 0) return Format::text;
    return (*this)[count_ == 1 ? 0 : column];
  }
  bool all_text() const {
    for (std::size_t i = 0; i < count_; ++i)
      if ((*this)[i] != Format::text) return false;
    return true;
  }

 private:
  const char* codes_ = nullptr;  // big-endian 16-bit words
  std::uint16_t count_ = 0;
};

// The parameter type oids of a Parse; 0 leaves a type to the server.
class OidList {
 public:
  OidList() = default;
  OidList(const char* oids, std::uint16_t count) : oids_(oids), count_(count) {}

  std::size_t size() const { return count_; }
  std::uint32_t operator[](std::size_t i) const { return detail::load_u32(oids_ + 4 * i); }
  std::string_view bytes() const {
    return {oids_, std::size_t{count_} * 4};
  }  // as they came: good to hash and compare

 private:
  const char* oids_ = nullptr;  // big-endian 32-bit words
  std::uint16_t count_ = 0;
};

struct ParameterValue {
  const char* data = nullptr;
  std::int32_t length = -1;  // -1: NULL

  bool is_null() const { return length < 0; }
  std::string_view bytes() const {
    return is_null() ? std::string_view() : std::string_view(data, static_cast<std::size_t>(length));
  }
};

// The values of a Bind, in order. Each is a length word (-1: NULL) and its bytes; the layout was checked.
class ParameterValues {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = ParameterValue;
    using difference_type = std::ptrdiff_t;
    using pointer = const ParameterValue*;
    using reference = ParameterValue;

    Iterator() = default;
    Iterator(const char* at, std::size_t left) : at_(at), left_(left) {}
    ParameterValue operator*() const { return {at_ + 4, static_cast<std::int32_t>(detail::load_u32(at_))}; }
    Iterator& operator++() {
      const ParameterValue value = **this;
      at_ += 4 + (value.is_null() ? 0 : value.length);
      --left_;
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    const char* at_ = nullptr;
    std::size_t left_ = 0;
  };

  ParameterValues() = default;
  ParameterValues(const char* first, std::uint16_t count) : first_(first), count_(count) {}

  std::size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const { return {first_, count_}; }
  Iterator end() const { return {nullptr, 0}; }
  // For access by index: replaces the content of `out`, which a caller keeps to save the allocation.
  void collect(std::vector<ParameterValue>& out) const { out.assign(begin(), end()); }

 private:
  const char* first_ = nullptr;
  std::uint16_t count_ = 0;
};

enum class TargetKind : char { statement = 'S', portal = 'P' };

struct Query {
  std::string_view text;
};
struct Parse {
  std::string_view statement_name;
  std::string_view text;
  OidList parameter_types;
};
struct Bind {
  std::string_view portal_name;
  std::string_view statement_name;
  FormatList parameter_formats;  // 0, 1 or as many as values
  ParameterValues values;        // those in text format are valid UTF-8
  FormatList result_formats;     // 0, 1 or (for the binder to check) as many as columns
};
struct Describe {
  TargetKind kind = TargetKind::statement;
  std::string_view name;
};
struct Close {
  TargetKind kind = TargetKind::statement;
  std::string_view name;
};
struct Execute {
  std::string_view portal_name;
  std::int32_t row_limit = 0;  // 0 or less: all rows
};
struct Flush {};
struct Sync {};
struct Terminate {};
struct FunctionCall {
  std::uint32_t function_oid = 0;
  FormatList argument_formats;
  ParameterValues arguments;
  Format result_format = Format::text;
};
struct CopyData {
  std::string_view bytes;
};
struct CopyDone {};
struct CopyFail {
  std::string_view reason;
};
struct Password {
  std::string_view password;
};
struct SaslInitialResponse {
  std::string_view mechanism;
  bool has_data = false;
  std::string_view data;
};
struct SaslResponse {
  std::string_view data;
};

template <class Message>
using Decoded = Result<Message, ProtocolError>;

// Each takes the body of a frame of its type.
Decoded<Query> decode_query(std::string_view body);
Decoded<Parse> decode_parse(std::string_view body);
Decoded<Bind> decode_bind(std::string_view body);
Decoded<Describe> decode_describe(std::string_view body);
Decoded<Close> decode_close(std::string_view body);
Decoded<Execute> decode_execute(std::string_view body);
Decoded<Flush> decode_flush(std::string_view body);
Decoded<Sync> decode_sync(std::string_view body);
Decoded<Terminate> decode_terminate(std::string_view body);
Decoded<FunctionCall> decode_function_call(std::string_view body);
Decoded<CopyData> decode_copy_data(std::string_view body);
Decoded<CopyDone> decode_copy_done(std::string_view body);
Decoded<CopyFail> decode_copy_fail(std::string_view body);
Decoded<Password> decode_password(std::string_view body);
Decoded<SaslInitialResponse> decode_sasl_initial_response(std::string_view body);
Decoded<SaslResponse> decode_sasl_response(std::string_view body);

// What only a binder can find wrong with a Bind, in PostgreSQL's words.
ProtocolError bind_parameter_count_error(std::size_t supplied, std::string_view statement_name,
                                         std::size_t required);
ProtocolError bind_result_format_count_error(std::size_t formats, std::size_t columns);

}  // namespace gyre::pgwire
