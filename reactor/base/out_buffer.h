// A growable run of bytes that answers are appended to. Appending is two stores and a compare when there is
// room; the memory is kept between uses, so a warmed-up connection appends without allocating.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace gyre {

class OutBuffer {
 public:
  OutBuffer() = default;
  OutBuffer(OutBuffer&& other) noexcept;
  OutBuffer& operator=(OutBuffer&& other) noexcept;
  ~OutBuffer();

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  const char* data() const { return data_; }
  char* data() { return data_; }
  std::string_view view() const { return {data_, size_}; }

  // Room for at least `more` bytes after the end; valid until the next call that may grow. Follow with
  // commit().
  char* reserve(std::size_t more) {
    if (capacity_ - size_ < more) [[unlikely]]
      grow(more);
    return data_ + size_;
  }
  void commit(std::size_t written) { size_ += written; }

  void append(const void* bytes, std::size_t count) {
    if (count == 0) return;
    std::memcpy(reserve(count), bytes, count);
    size_ += count;
  }
  void append(std::string_view bytes) { append(bytes.data(), bytes.size()); }
  void append_byte(char byte) {
    *reserve(1) = byte;
    ++size_;
  }

  // Big-endian integers, as the PostgreSQL protocol writes them.
  void append_u16(std::uint16_t value) { append_big_endian(__builtin_bswap16(value)); }
  void append_u32(std::uint32_t value) { append_big_endian(__builtin_bswap32(value)); }
  void append_u64(std::uint64_t value) { append_big_endian(__builtin_bswap64(value)); }
  void patch_u16(std::size_t at, std::uint16_t value) { patch_big_endian(at, __builtin_bswap16(value)); }
  void patch_u32(std::size_t at, std::uint32_t value) { patch_big_endian(at, __builtin_bswap32(value)); }

  void truncate(std::size_t size) { size_ = size; }
  void clear() { size_ = 0; }
  // Gives the memory back when it is larger than `keep` bytes. The buffer must be empty.
  void release_above(std::size_t keep);
  void swap(OutBuffer& other) noexcept;  // the limits stay where they are
  // Growing beyond so many bytes throws OverBudget, and leaves the buffer as it was.
  void set_limit(std::size_t bytes) { limit_ = bytes; }

 private:
  template <class Word>
  void append_big_endian(Word swapped) {
    std::memcpy(reserve(sizeof swapped), &swapped, sizeof swapped);
    size_ += sizeof swapped;
  }
  template <class Word>
  void patch_big_endian(std::size_t at, Word swapped) {
    std::memcpy(data_ + at, &swapped, sizeof swapped);
  }
  void grow(std::size_t more);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t limit_ = SIZE_MAX;
};

}  // namespace gyre
