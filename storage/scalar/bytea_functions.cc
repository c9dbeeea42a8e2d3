// Functions of bytea, the text forms of bytes (hex, base64, escape), and the digests, which OpenSSL computes.
#include <openssl/evp.h>

#include <string>

#include "storage/scalar/families.h"
#include "storage/scalar/helpers.h"
#include "storage/types/input.h"

namespace gyre::storage::families {

namespace {

using Arguments = const Datum*;
constexpr TypeId kBytes = TypeId::bytea;
constexpr TypeId kText = TypeId::text;
constexpr TypeId kInt = TypeId::int4;

// ---- digests ----

std::string digest(std::string_view bytes, const EVP_MD* algorithm) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out, &size, algorithm, nullptr) != 1)
    throw Failure(Fault::internal_error, "could not compute the digest");
  return {reinterpret_cast<const char*>(out), size};
}
std::string to_hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}
Datum md5(EvalContext& context, Arguments a, unsigned) {
  return copied(context, to_hex(digest(a[0].bytes(), EVP_md5())));
}
template <const EVP_MD* (*algorithm)()>
Datum sha(EvalContext& context, Arguments a, unsigned) {
  return copied(context, digest(a[0].bytes(), algorithm()));
}

// ---- text forms ----

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t kBase64Line = 76;

std::string to_base64(std::string_view bytes) {
  std::string out;
  std::size_t line = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    if (line == kBase64Line) {
      out += '\n';
      line = 0;
    }
    for (std::size_t k = 0; k < 4; ++k) out += k <= count ? kBase64[group >> (18 - 6 * k) & 63] : '=';
    line += 4;
  }
  return out;
}
std::string from_base64(std::string_view text) {
  std::string out;
  std::uint32_t group = 0;
  int count = 0, padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    std::size_t value = kBase64.find(c);
    if (c == '=') {
      if (padding == 0 && count < 2)
        throw Failure(Fault::invalid_parameter_value, "unexpected \"=\" while decoding base64 sequence");
      ++padding;
      value = 0;
    } else if (value == std::string_view::npos || padding > 0) {
      throw Failure(Fault::invalid_parameter_value,
                    "invalid symbol \"" + std::string(1, c) + "\" found while decoding base64 sequence");
    }
    group = group << 6 | static_cast<std::uint32_t>(value);
    if (++count < 4) continue;
    for (int k = 0; k < 3 - padding; ++k) out += static_cast<char>(group >> (16 - 8 * k) & 255);
    group = 0;
    count = 0;
    padding = 0;
  }
  if (count != 0)
    throw Failure(Fault::invalid_parameter_value, "invalid base64 end sequence", {},
                  "Input data is missing padding, is truncated, or is otherwise corrupted.");
  return out;
}

std::string to_escape(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0 || byte >= 0x80) {
      out += '\\';
      for (const int shift : {6, 3, 0}) out += static_cast<char>('0' + (byte >> shift & 7));
    } else {
      out += c;
      if (c == '\\') out += c;
    }
  }
  return out;
}

[[noreturn]] void fail_encoding(std::string_view name) {
  throw Failure(Fault::invalid_parameter_value, "unrecognized encoding: \"" + std::string(name) + "\"");
}
Datum encode(EvalContext& context, Arguments a, unsigned) {
  const std::string_view form = a[1].bytes();
  check_room(context, std::size_t{2} * a[0].size);
  if (equals_ignoring_case(form, "hex")) return copied(context, to_hex(a[0].bytes()));
  if (equals_ignoring_case(form, "base64")) return copied(context, to_base64(a[0].bytes()));
  if (equals_ignoring_case(form, "escape")) return copied(context, to_escape(a[0].bytes()));
  fail_encoding(form);
}
// bytea's own input reads the hex and escape forms.
Datum decode(EvalContext& context, Arguments a, unsigned) {
  const std::string_view form = a[1].bytes();
  const auto& bytea = traits(kBytes);
  if (equals_ignoring_case(form, "base64")) return copied(context, from_base64(a[0].bytes()));
  if (equals_ignoring_case(form, "hex")) {
    const std::string prefixed = "\\x" + std::string(a[0].bytes());
    return bytea.parse(context.arena->copy(prefixed), style_of(context), *context.arena);
  }
  if (!equals_ignoring_case(form, "escape")) fail_encoding(form);
  if (!a[0].bytes().starts_with("\\x")) return bytea.parse(a[0].bytes(), style_of(context), *context.arena);
  throw Failure(Fault::invalid_text_representation, "invalid input syntax for type bytea");
}

// ---- parts ----

[[noreturn]] void fail_index(std::int64_t index, std::size_t end) {
  throw Failure(Fault::data_exception, "index " + std::to_string(index) + " out of valid range, 0.." +
                                           std::to_string(static_cast<std::int64_t>(end) - 1));
}
Datum length(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(a[0].size);
}
Datum bit_length(EvalContext&, Arguments a, unsigned) {
  return Datum::of_integer(std::int64_t{a[0].size} * 8);
}
Datum get_byte(EvalContext&, Arguments a, unsigned) {
  const std::int64_t index = a[1].integer;
  if (index < 0 || index >= a[0].size) fail_index(index, a[0].size);
  return Datum::of_integer(static_cast<unsigned char>(a[0].data[index]));
}
Datum set_byte(EvalContext& context, Arguments a, unsigned) {
  const std::int64_t index = a[1].integer;
  if (index < 0 || index >= a[0].size) fail_index(index, a[0].size);
  std::string bytes(a[0].bytes());
  bytes[static_cast<std::size_t>(index)] = static_cast<char>(a[2].integer);
  return copied(context, bytes);
}
Datum substring(EvalContext&, Arguments a, unsigned count) {
  const std::int64_t start = a[1].integer;
  std::int64_t end = std::int64_t{a[0].size} + 1;
  if (count > 2) {
    if (a[2].integer < 0) throw Failure(Fault::substring_error, "negative substring length not allowed");
    end = std::min(end, start + a[2].integer);
  }
  const std::int64_t first = std::max<std::int64_t>(start, 1);
  if (end <= first) return Datum::of_bytes("");
  return Datum::of_bytes(
      a[0].bytes().substr(static_cast<std::size_t>(first - 1), static_cast<std::size_t>(end - first)));
}
Datum position(EvalContext&, Arguments a, unsigned) {
  const std::size_t at = a[0].bytes().find(a[1].bytes());
  return Datum::of_integer(at == std::string_view::npos ? 0 : static_cast<std::int64_t>(at) + 1);
}

const FunctionDef kTable[] = {
    {"md5", {kText}, kText, md5},
    {"md5", {kBytes}, kText, md5},
    {"sha224", {kBytes}, kBytes, sha<EVP_sha224>},
    {"sha256", {kBytes}, kBytes, sha<EVP_sha256>},
    {"sha384", {kBytes}, kBytes, sha<EVP_sha384>},
    {"sha512", {kBytes}, kBytes, sha<EVP_sha512>},
    {"encode", {kBytes, kText}, kText, encode},
    {"decode", {kText, kText}, kBytes, decode},
    {"length", {kBytes}, kInt, length},
    {"octet_length", {kBytes}, kInt, length},
    {"bit_length", {kBytes}, kInt, bit_length},
    {"get_byte", {kBytes, kInt}, kInt, get_byte},
    {"set_byte", {kBytes, kInt, kInt}, kBytes, set_byte},
    {"substr", {kBytes, kInt}, kBytes, substring},
    {"substr", {kBytes, kInt, kInt}, kBytes, substring},
    {"substring", {kBytes, kInt}, kBytes, substring},
    {"substring", {kBytes, kInt, kInt}, kBytes, substring},
    {"position", {kBytes, kBytes}, kInt, position},
};

}  // namespace

std::span<const FunctionDef> bytea() {
  return kTable;
}

}  // namespace gyre::storage::families
