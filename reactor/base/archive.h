// Structs as bytes and back, from one list of their fields.
//
// A struct takes part by a function beside its codec, found by its type:
//
//   void fields(auto& archive, Is<Role> auto& role) {
//     auto& [id, name, superuser] = role;       // does not compile once Role has another field
//     archive(id, name, superuser);
//   }
//
// The structured binding names every field, so a field that is added to the struct cannot be forgotten here.
// The order of the archive() call is the order of the bytes, and part of the format.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "reactor/base/byte_codec.h"
#include "reactor/base/ids.h"

namespace gyre {

// T is S or const S: the encoder's structs are const, the decoder's are not.
template <class T, class S>
concept Is = std::same_as<std::remove_const_t<T>, S>;

// Writes fields: unsigned integers as varints, signed ones zigzag, a bool as one byte, texts and containers
// with their size in front, an optional with a bool in front.
class Encoder {
 public:
  explicit Encoder(OutBuffer& out) : writer_(out) {}
  static constexpr bool kReading = false;

  template <class... Fields>
  void operator()(const Fields&... values) {
    (put(values), ...);
  }
  ByteWriter& writer() { return writer_; }

 private:
  void put(bool value) { writer_.u8(value ? 1 : 0); }
  template <std::unsigned_integral Number>
  void put(Number value) {
    writer_.varint(value);
  }
  template <class Enum>
  requires std::is_enum_v<Enum>
  void put(Enum value) {
    put(static_cast<std::underlying_type_t<Enum>>(value));
  }
  template <std::signed_integral Number>
  void put(Number value) {
    const auto wide = static_cast<std::int64_t>(value);
    writer_.varint((static_cast<std::uint64_t>(wide) << 1) ^ static_cast<std::uint64_t>(wide >> 63));
  }
  void put(const std::string& value) { writer_.text(value); }
  template <class Tag, class Value>
  void put(const StrongId<Tag, Value>& id) {
    put(id.value);
  }
  template <class A, class B>
  void put(const std::pair<A, B>& pair) {
    put(pair.first);
    put(pair.second);
  }
  template <class T>
  void put(const std::vector<T>& items) {
    writer_.varint(items.size());
    for (const T& item : items) put(item);
  }
  template <class K, class V, class... Rest>
  void put(const std::map<K, V, Rest...>& items) {
    writer_.varint(items.size());
    for (const auto& [key, value] : items) {
      put(key);
      put(value);
    }
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class Struct>
  requires requires(Encoder& self, const Struct& value) { fields(self, value); }
  void put(const Struct& value) { fields(*this, value); }

  ByteWriter writer_;
};

// Reads what Encoder wrote. Whatever does not fit makes the reader fail (see ByteReader); values are then
// incomplete.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : reader_(bytes) {}
  // Goes on where the reader stands; take reader() back afterwards.
  explicit Decoder(const ByteReader& reader) : reader_(reader) {}
  static constexpr bool kReading = true;

  template <class... Fields>
  void operator()(Fields&... values) {
    (get(values), ...);
  }
  ByteReader& reader() { return reader_; }

 private:
  void get(bool& value) {
    const std::uint8_t byte = reader_.u8();
    if (byte > 1) reader_.fail();
    value = byte == 1;
  }
  template <std::unsigned_integral Number>
  void get(Number& value) {
    const std::uint64_t wide = reader_.varint();
    value = static_cast<Number>(wide);
    if (value != wide) reader_.fail();
  }
  // (Whether the number is one of the enumerators is for those to say who use it.)
  template <class Enum>
  requires std::is_enum_v<Enum>
  void get(Enum& value) {
    std::underlying_type_t<Enum> number{};
    get(number);
    value = static_cast<Enum>(number);
  }
  template <std::signed_integral Number>
  void get(Number& value) {
    const std::uint64_t bits = reader_.varint();
    const auto wide = static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
    value = static_cast<Number>(wide);
    if (value != wide) reader_.fail();
  }
  void get(std::string& value) { value = reader_.text(); }
  template <class Tag, class Value>
  void get(StrongId<Tag, Value>& id) {
    get(id.value);
  }
  template <class A, class B>
  void get(std::pair<A, B>& pair) {
    get(pair.first);
    get(pair.second);
  }
  // (No room is made in advance: a size is believed only as far as its items follow.)
  template <class T>
  void get(std::vector<T>& items) {
    items.clear();
    const std::uint64_t count = reader_.varint();
    for (std::uint64_t i = 0; i < count && reader_.ok(); ++i) {
      if (reader_.at_end()) return reader_.fail();
      get(items.emplace_back());
    }
  }
  template <class K, class V, class... Rest>
  void get(std::map<K, V, Rest...>& items) {
    items.clear();
    const std::uint64_t count = reader_.varint();
    for (std::uint64_t i = 0; i < count && reader_.ok(); ++i) {
      if (reader_.at_end()) return reader_.fail();
      K key{};
      get(key);
      get(items[std::move(key)]);
    }
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    value.reset();
    if (present) get(value.emplace());
  }
  template <class Struct>
  requires requires(Decoder& self, Struct& value) { fields(self, value); }
  void get(Struct& value) { fields(*this, value); }

  ByteReader reader_;
};

}  // namespace gyre
