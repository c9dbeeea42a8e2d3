#include "adapter/access/login_throttle.h"

#include <algorithm>

namespace gyre::adapter {

IpAddress counted_address(const IpAddress& address) {
  return address.family == IpAddress::Family::v6 ? address.network(64) : address;
}

std::uint64_t LoginThrottle::on_failure(std::uint32_t address, std::uint64_t now_us) {
  if (most_delay_us_ == 0) return 0;
  const auto [found, fresh] = entries_.try_emplace(address);
  Entry& entry = found->second;
  if (!fresh) by_age_.erase(entry.place);
  entry.place = by_age_.insert(by_age_.end(), address);
  if (now_us - entry.last_us > kForgetUs) entry.failures = 0;
  entry.last_us = now_us;
  const std::uint32_t doublings = std::min(entry.failures++, 20u);
  if (entries_.size() > kMostAddresses) {
    entries_.erase(by_age_.front());
    by_age_.pop_front();
  }
  return std::min(most_delay_us_, kFirstDelayUs << doublings);
}

}  // namespace gyre::adapter
