// A running server: its threads, one per core, and the sockets they listen on.
#pragma once

#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "adapter/access/access.h"
#include "adapter/durability/durable_store.h"
#include "adapter/mesh.h"
#include "adapter/options.h"
#include "adapter/shard.h"
#include "oracle/published_state.h"
#include "oracle/read_holds.h"
#include "reactor/base/result.h"

namespace gyre::adapter {

class Server {
 public:
  // `store` is what makes the server durable, opened; null: data are kept in memory only. Borrowed.
  Server(Options options, DurableStore* store);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Opens the sockets and starts the threads; returns once all accept. An error is a sentence.
  Result<std::monostate, std::string> start();
  // Reads the access rules and the certificates again. What has errors stays as it was; the log has them.
  void reload();
  // Stops accepting, lets statements finish, ends the connections; blocks until all is over.
  // Sessions that run nothing end at once, the others after their statement. `hurried` is asked now and then:
  // once true, statements are ended as well.
  void drain(const std::function<bool()>& hurried = {});
  // Ends all connections without a word.
  void terminate();
  // Where it listens, each as "127.0.0.1:6875, [::1]:6875".
  struct Addresses {
    std::string sql, internal_sql, http;
  };
  const Addresses& addresses() const { return addresses_; }

 private:
  struct Sockets {
    std::vector<std::vector<Listener>> shards;
    std::vector<int> http;
  };
  Result<std::monostate, std::string> load_access();
  std::string why_not_safe() const;
  Result<Sockets, std::string> open_sockets();
  std::unique_ptr<reactor::Backend> make_backend() const;
  void run_shard(std::size_t index, std::vector<Listener> listeners);
  void run_oracle(std::vector<int> http_listeners);
  bool wait_until_drained(const std::function<bool()>& hurried);
  void tell_all(CoreMessage::Kind kind, void* pointer = nullptr);
  void wait_for_the_others();

  const Options options_;
  DurableStore* const store_;
  Mesh mesh_;
  oracle::PublishedState published_;
  oracle::ReadHolds holds_;                     // lines of the shards, the oracle core, the checkpointer
  std::unique_ptr<Checkpointer> checkpointer_;  // null: nothing is durable
  std::vector<std::thread> shard_threads_;
  std::thread oracle_thread_;
  std::vector<reactor::Loop*> loops_;  // by core; set before `wired_`
  // Start-up: every core tells its waker, then all may send; then every core is ready.
  std::counting_semaphore<> told_{0}, wired_{0}, connected_{0}, go_{0}, ready_{0};
  // The end: no loop goes away while another thread may still wake it.
  std::counting_semaphore<> stopped_{0}, leave_{0};
  std::binary_semaphore drained_{0};
  std::vector<std::unique_ptr<Access>> accesses_;  // all that were in force, the newest last
  std::uint64_t address_seed_ = 0;
  Addresses addresses_;                    // set by start()
  std::vector<std::string> unix_sockets_;  // files to be removed at the end
  bool uring_ = true;
  bool running_ = false;
};

}  // namespace gyre::adapter
