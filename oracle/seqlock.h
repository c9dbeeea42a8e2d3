// One writer, many readers, a payload of a few words: readers never block the writer and never see a torn
// payload.
//
// The sequence number is odd while the writer is at work; a reader takes what it read if the number was even
// and the same before and after. There are no fences: the words are stored with release and loaded with
// acquire, so that a reader who got any word of a newer payload also sees the newer (odd) number when it
// looks again. On x86 all of it is plain moves, except the last store of the writer. The first load of the
// number and that last store are sequentially consistent: read holds (read_holds.h) need them in one total
// order with the holds. After Boehm, "Can seqlocks get along with programming language memory models?" (MSPC
// 2012).
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace gyre::oracle {

template <class Payload>
class alignas(128) Seqlock {
  static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) % 8 == 0);
  static constexpr std::size_t kWords = sizeof(Payload) / 8;
  using Words = std::array<std::uint64_t, kWords>;

 public:
  Seqlock() { store(Payload{}); }
  explicit Seqlock(const Payload& payload) { store(payload); }
  Seqlock(const Seqlock&) = delete;
  Seqlock& operator=(const Seqlock&) = delete;

  // The writer's only.
  void store(const Payload& payload) {
    Words words;
    std::memcpy(words.data(), &payload, sizeof payload);
    const std::uint64_t before = sequence_.load(std::memory_order_relaxed);
    sequence_.store(before + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_release);
    sequence_.store(before + 2, std::memory_order_seq_cst);
  }

  // Any core's. Retries while the writer is at work, which is a handful of stores long.
  Payload load() const {
    Words words;
    while (!try_load(words)) pause();
    Payload payload;
    std::memcpy(static_cast<void*>(&payload), words.data(), sizeof payload);
    return payload;
  }

 private:
  bool try_load(Words& words) const {
    const std::uint64_t before = sequence_.load(std::memory_order_seq_cst);
    if (before & 1) [[unlikely]]
      return false;
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kWords; ++i) words[i] = words_[i].load(std::memory_order_acquire);
    return sequence_.load(std::memory_order_relaxed) == before;
  }
  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }

  std::atomic<std::uint64_t> sequence_{0};
  std::array<std::atomic<std::uint64_t>, kWords> words_{};
};

}  // namespace gyre::oracle
