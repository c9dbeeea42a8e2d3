#include "adapter/history/record_ring.h"

#include <cstring>

namespace gyre::adapter {

void RecordRing::drop_oldest() {
  Length length;
  std::memcpy(&length, bytes_.get() + head_, sizeof length);
  head_ += sizeof length + length;
  --count_;
  if (!wrapped_ || head_ != end_) return;
  wrapped_ = false;
  head_ = 0;
}

bool RecordRing::append(std::string_view record) {
  const std::size_t needed = sizeof(Length) + record.size();
  if (needed > capacity_) return false;
  if (bytes_ == nullptr) bytes_ = std::make_unique<char[]>(capacity_);
  for (;;) {
    if (count_ == 0) {
      head_ = tail_ = 0;
      wrapped_ = false;
    }
    if (wrapped_) {
      if (head_ - tail_ >= needed) break;
      drop_oldest();
    } else {
      if (capacity_ - tail_ >= needed) break;
      end_ = tail_;
      tail_ = 0;
      wrapped_ = true;
    }
  }
  const auto length = static_cast<Length>(record.size());
  std::memcpy(bytes_.get() + tail_, &length, sizeof length);
  std::memcpy(bytes_.get() + tail_ + sizeof length, record.data(), record.size());
  tail_ += needed;
  ++count_;
  return true;
}

std::string RecordRing::copy() const {
  if (count_ == 0) return {};
  const char* const bytes = bytes_.get();
  std::string all(bytes + head_, (wrapped_ ? end_ : tail_) - head_);
  if (wrapped_) all.append(bytes, tail_);
  return all;
}

bool next_record(std::string_view& copied, std::string_view& record) {
  if (copied.empty()) return false;
  std::uint32_t length;
  std::memcpy(&length, copied.data(), sizeof length);
  record = copied.substr(sizeof length, length);
  copied.remove_prefix(sizeof length + length);
  return true;
}

}  // namespace gyre::adapter
