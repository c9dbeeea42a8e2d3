// Any bytes as a checkpoint. Checksums keep most of them out, so the input is also tried with its checksums
// made right: then the contents of the chunks are what is tried. What is not refused is a database that can
// be walked, written, and read again.
#include <xxhash.h>

#include <cstdint>
#include <cstring>

#include "tests/fuzz/database_bytes.h"

namespace {

using namespace gyre;

constexpr std::size_t kHeaderBytes = 32, kChunkHeaderBytes = 24, kCheckedBytes = 16;

template <class Word>
Word load(const std::string& bytes, std::size_t at) {
  Word word;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}
void store(std::string& bytes, std::size_t at, std::uint64_t word) {
  std::memcpy(bytes.data() + at, &word, sizeof word);
}

// As storage/checkpoint.h draws it, up to the first chunk that is not all there.
std::string with_right_checksums(std::string bytes) {
  if (bytes.size() < kHeaderBytes) return bytes;
  store(bytes, kHeaderBytes - 8, XXH3_64bits(bytes.data(), kHeaderBytes - 8));
  const auto seed = load<std::uint64_t>(bytes, 16);
  for (std::size_t at = kHeaderBytes; bytes.size() - at >= kChunkHeaderBytes;) {
    const auto stored = load<std::uint32_t>(bytes, at + 8);
    if (stored > bytes.size() - at - kChunkHeaderBytes) break;
    char head[kCheckedBytes + 8];
    std::memcpy(head, bytes.data() + at, kCheckedBytes);
    const std::uint64_t content = XXH3_64bits_withSeed(bytes.data() + at + kChunkHeaderBytes, stored, seed);
    std::memcpy(head + kCheckedBytes, &content, sizeof content);
    store(bytes, at + kCheckedBytes, XXH3_64bits_withSeed(head, sizeof head, seed));
    at += kChunkHeaderBytes + stored;
  }
  return bytes;
}

void try_bytes(const std::string& bytes) {
  const auto read = fuzz::read_checkpoint(bytes);
  if (!read) return;
  fuzz::check_trees(*(**read).database);
  fuzz::check_checkpoint_round_trip(*(**read).database, (**read).timestamp, (**read).sections);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try_bytes(bytes);
  try_bytes(with_right_checksums(bytes));
  return 0;
}
