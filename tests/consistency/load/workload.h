// What the clients of a load do. Two kinds: those that write a history for the checker (lists, registers),
// and those that know a truth that must always hold and look for it themselves.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "tests/consistency/history.h"
#include "tests/consistency/load/client.h"

namespace gyre::consistency {

class Workload {
 public:
  virtual ~Workload() = default;
  virtual void prepare(Client& client) = 0;      // alone, before all: makes the tables
  virtual Outcome step(Client& client) = 0;      // one transaction; on the client's thread
  virtual void finish(Client& client) = 0;       // alone, after all: the last look
  virtual History take_history() { return {}; }  // empty for workloads that judge themselves

  // What was seen that must not be. Any thread.
  void violation(std::string text);
  const std::vector<std::string>& violations() const { return violations_; }
  std::size_t violation_count() const { return violation_count_; }
  // What was seen that this level allows and a higher one forbids.
  void allowed() { ++allowed_; }
  std::size_t allowed_count() const { return allowed_; }

 private:
  std::mutex mutex_;
  std::vector<std::string> violations_;  // some of them
  std::size_t violation_count_ = 0;
  std::atomic<std::size_t> allowed_ = 0;
};

// list-append, register, bank, ring, write-skew, absent-rows, monotonic; nothing for other names.
std::unique_ptr<Workload> make_workload(std::string_view name, const LoadSettings& settings);

std::unique_ptr<Workload> make_list_append(const LoadSettings& settings);
std::unique_ptr<Workload> make_register(const LoadSettings& settings);
std::unique_ptr<Workload> make_bank(const LoadSettings& settings);
std::unique_ptr<Workload> make_ring(const LoadSettings& settings);
std::unique_ptr<Workload> make_write_skew(const LoadSettings& settings);
std::unique_ptr<Workload> make_absent_rows(const LoadSettings& settings);
std::unique_ptr<Workload> make_monotonic(const LoadSettings& settings);

}  // namespace gyre::consistency
