// So many bytes per second, with credit for times when there was less to say. Time is the caller's.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace gyre::adapter {

class ByteThrottle {
 public:
  // From now on. More credit than the new bound is forfeit; a first bound is granted whole.
  void set(double bytes_per_second, double most_credit) {
    credit_ = fresh_ ? most_credit : std::min(credit_, most_credit);
    fresh_ = false;
    rate_ = bytes_per_second;
    most_ = most_credit;
  }
  // False: there is not so much credit at that time, and none is used.
  bool take(std::size_t bytes, std::int64_t now_us) {
    if (now_us > last_us_) {
      if (last_us_ != 0) credit_ = std::min(most_, credit_ + rate_ * static_cast<double>(now_us - last_us_) / 1e6);
      last_us_ = now_us;
    }
    if (credit_ < static_cast<double>(bytes)) return false;
    credit_ -= static_cast<double>(bytes);
    return true;
  }

 private:
  double rate_ = 0, most_ = 0, credit_ = 0;
  std::int64_t last_us_ = 0;  // 0: never asked
  bool fresh_ = true;
};

}  // namespace gyre::adapter
