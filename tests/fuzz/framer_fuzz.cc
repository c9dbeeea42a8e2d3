// Input: one byte that seeds the cuts, one that picks the phase, then a stream. The stream is framed twice,
// whole and in pieces, with some parking between; both must see the same messages and end in the same way.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pgwire/framer.h"
#include "reactor/base/check.h"

namespace {

using gyre::pgwire::FrameError;
using gyre::pgwire::FramePhase;
using gyre::pgwire::FrameResult;
using gyre::pgwire::FrameStatus;
using gyre::pgwire::InputAssembler;

struct Seen {
  std::vector<std::pair<char, std::string>> messages;
  FrameError error = FrameError::none;
  bool operator==(const Seen&) const = default;
};

// A small generator is enough to spread the cuts.
std::size_t next_cut(std::uint32_t& state) {
  state = state * 1664525u + 1013904223u;
  return 1 + (state >> 24) % 17;
}

void drain(InputAssembler& assembler, Seen& seen, std::size_t most) {
  for (; most > 0 && seen.error == FrameError::none; --most) {
    const FrameResult result = assembler.next();
    seen.error = result.error;
    if (result.status != FrameStatus::complete) return;
    seen.messages.emplace_back(result.frame.type, result.frame.body);
    if (result.frame.type == 0) assembler.set_phase(FramePhase::after_login);
  }
}

Seen frame(std::span<const char> stream, FramePhase phase, std::uint32_t seed, bool whole) {
  Seen seen;
  InputAssembler assembler;
  assembler.set_phase(phase);
  while (!stream.empty()) {
    const std::size_t cut = whole ? stream.size() : std::min(next_cut(seed), stream.size());
    const std::vector<char> piece(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(cut));
    assembler.feed(piece);
    drain(assembler, seen, !whole && cut % 5 == 0 ? 1 : SIZE_MAX);
    assembler.park();
    stream = stream.subspan(cut);
  }
  drain(assembler, seen, SIZE_MAX);
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const FramePhase phases[] = {FramePhase::startup, FramePhase::before_login, FramePhase::after_login};
  const FramePhase phase = phases[data[1] % 3];
  const std::span<const char> stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  GYRE_CHECK(frame(stream, phase, data[0], true) == frame(stream, phase, data[0], false));
  return 0;
}
