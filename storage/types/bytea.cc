// bytea: any bytes. Text forms: hex (\x00ff), and escape (printable bytes as they are, \\ and \ooo).
#include <cstring>
#include <string>

#include "storage/types/all.h"
#include "storage/types/text_family.h"

namespace gyre::storage {

namespace {

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

[[noreturn]] void fail_hex_digit(std::string_view from) {
  const std::string digit(from.substr(0, from.empty() ? 0 : utf8_length(from[0])));
  throw Failure(Fault::invalid_parameter_value, "invalid hexadecimal digit: \"" + digit + "\"");
}

Datum parse_hex(std::string_view digits, Arena& arena) {
  char* bytes = arena.allocate(digits.size() / 2 + 1, 1);
  std::size_t count = 0;
  for (std::size_t i = 0; i < digits.size();) {
    if (is_blank(digits[i]) && digits[i] != '\v' && digits[i] != '\f') {
      ++i;
      continue;
    }
    const int high = hex_value(digits[i]);
    if (high < 0) fail_hex_digit(digits.substr(i));
    if (i + 1 == digits.size())
      throw Failure(Fault::invalid_parameter_value, "invalid hexadecimal data: odd number of digits");
    const int low = hex_value(digits[i + 1]);
    if (low < 0) fail_hex_digit(digits.substr(i + 1));
    bytes[count++] = static_cast<char>(high * 16 + low);
    i += 2;
  }
  return Datum::of_bytes({bytes, count});
}

bool is_octal(std::string_view text) {
  return text.size() >= 3 && text[0] >= '0' && text[0] <= '3' && text[1] >= '0' && text[1] <= '7' &&
         text[2] >= '0' && text[2] <= '7';
}

Datum parse_escape(std::string_view text, Arena& arena) {
  if (text.find('\\') == std::string_view::npos) return Datum::of_bytes(text);
  char* bytes = arena.allocate(text.size(), 1);
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view after = text.substr(i + 1);
    if (text[i] != '\\') {
      bytes[count++] = text[i++];
    } else if (is_octal(after)) {
      bytes[count++] = static_cast<char>((after[0] - '0') * 64 + (after[1] - '0') * 8 + (after[2] - '0'));
      i += 4;
    } else if (after.starts_with('\\')) {
      bytes[count++] = '\\';
      i += 2;
    } else {
      throw Failure(Fault::invalid_text_representation, "invalid input syntax for type bytea");
    }
  }
  return Datum::of_bytes({bytes, count});
}

Datum parse(std::string_view text, const TextStyle&, Arena& arena) {
  if (text.starts_with("\\x")) return parse_hex(text.substr(2), arena);
  return parse_escape(text, arena);
}

void print_hex(std::string_view bytes, OutBuffer& out) {
  constexpr char kHex[] = "0123456789abcdef";
  char* at = out.reserve(2 + 2 * bytes.size());
  *at++ = '\\';
  *at++ = 'x';
  for (const char byte : bytes) {
    *at++ = kHex[static_cast<unsigned char>(byte) >> 4];
    *at++ = kHex[static_cast<unsigned char>(byte) & 15];
  }
  out.commit(2 + 2 * bytes.size());
}

void print_escape(std::string_view bytes, OutBuffer& out) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out.append("\\\\");
    } else if (byte < 0x20 || byte > 0x7e) {
      const char octal[] = {'\\', static_cast<char>('0' + (byte >> 6)),
                            static_cast<char>('0' + (byte >> 3 & 7)), static_cast<char>('0' + (byte & 7))};
      out.append(octal, sizeof octal);
    } else {
      out.append_byte(c);
    }
  }
}

void print(Datum value, const TextStyle& style, OutBuffer& out) {
  if (style.bytea == ByteaFormat::hex)
    print_hex(value.bytes(), out);
  else
    print_escape(value.bytes(), out);
}

Datum receive(std::string_view wire, Arena&) {
  return Datum::of_bytes(wire);
}

}  // namespace

constinit const TypeTraits kByteaTraits{
    .id = TypeId::bytea,
    .oid = 17,
    .array_oid = 1001,
    .name = "bytea",
    .short_name = "bytea",
    .wire_size = -1,
    .category = 'U',
    .preferred = false,
    .slot_size = 0,
    .parse = parse,
    .print = print,
    .receive = receive,
    .send = text_family::send,
    .compare = text_family::compare,
    .append_key = text_family::append_key,
    .apply_typmod = nullptr,
};

}  // namespace gyre::storage
