// How the cores of a server reach each other: one mailbox per ordered pair, and a WakeFlag per core to ring
// at. Constant after start; what a message points to belongs to its receiver until it is answered.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "reactor/loop.h"
#include "reactor/mailbox.h"

namespace gyre::adapter {

struct CoreMessage {
  enum class Kind : std::uint8_t {
    call,         // pointer: CoordinatorCall, to the oracle core
    answered,     // pointer: CoordinatorCall, back to the asking shard
    cancel_wait,  // number: a session, detail: its call's number, to the oracle core
    read_ts,      // number: how many more statements wait for a read timestamp, to the oracle core
    read_ts_alone,  // number: a statement that wants a call to the oracle of its own, to the oracle core
    read_ts_is,   // number, detail: the low and high half of how many have been served, back to the shard;
                  // pointer: why they are not to be answered, a std::string that the shard deletes, or null
    read_ts_alone_is,  // number: the statement; pointer as above
    adopt,        // number: a connection's descriptor, detail: its Entrance
    cancel,       // number: SessionId, detail: secret
    signal,       // number: SessionId, detail: SessionSignal; the sender may do that
    survey,       // pointer: SessionSurvey, of which a shard fills its part; to the oracle core an OracleSurvey
    surveyed,     // the same, back to the asking shard
    count,        // number: how many connections the sending shard has, detail: how many of them logged in
    role_count,   // number: a role's oid, detail: how many of its connections the sending shard has
    address_count,  // the same for an address, by its hash
    failed_login,   // number: the hash of an address that has failed to log in at the sending shard
    access,       // pointer: the Access to be put in force, from the control thread
    scrape,       // pointer: MetricsSnapshot to be filled, to a shard
    scraped,      // pointer: the same, filled, back to the oracle core
    activity,       // pointer: Activity to be filled, to a shard
    activity_told,  // pointer: the same, filled, back to the oracle core
    drain,        // from the control thread: no new connections, end the idle ones
    hurry,        // from the control thread: end what runs, too, with a word to the client
    terminate,    // from the control thread: end the rest
    drained,      // to the oracle core: the sending shard has no connection left
  };
  Kind kind;
  std::uint32_t from = 0;  // sending core
  std::uint32_t number = 0;
  std::uint32_t detail = 0;
  void* pointer = nullptr;
};

// Cores 0 … shards-1 are the shards, then the oracle core, then the control thread (main), which only sends.
class Mesh {
 public:
  explicit Mesh(std::size_t shards)
      : shards_(shards), size_(shards + 2), boxes_(size_ * size_), wakers_(size_) {
    for (auto& box : boxes_) box = std::make_unique<reactor::Mailbox<CoreMessage>>(256);
  }

  std::size_t shards() const { return shards_; }
  std::size_t oracle_core() const { return shards_; }
  std::size_t control() const { return shards_ + 1; }
  reactor::Mailbox<CoreMessage>& box(std::size_t from, std::size_t to) { return *boxes_[from * size_ + to]; }
  // Set by each core's thread before any message is sent to it.
  void set_waker(std::size_t core, reactor::WakeFlag& waker) { wakers_[core] = &waker; }
  reactor::WakeFlag& waker(std::size_t core) { return *wakers_[core]; }

 private:
  std::size_t shards_;
  std::size_t size_;
  std::vector<std::unique_ptr<reactor::Mailbox<CoreMessage>>> boxes_;
  std::vector<reactor::WakeFlag*> wakers_;
};

// One core's ends of the mesh: sends to any other, hands what arrives to a handler.
class MeshPort {
 public:
  class Handler {
   public:
    virtual void on_message(const CoreMessage& message) = 0;

   protected:
    ~Handler() = default;
  };

  // Once all cores have set their wakers.
  MeshPort(Mesh& mesh, std::size_t self, reactor::Loop& loop, Handler& handler)
      : self_(self), handler_(handler) {
    const std::size_t cores = mesh.shards() + 1;
    for (std::size_t other = 0; other < cores + 1; ++other) {
      if (other == self) {
        senders_.push_back(nullptr);
        continue;
      }
      receivers_.push_back(std::make_unique<Receiver>(loop, mesh.box(other, self), Deliver(*this)));
      senders_.push_back(other == cores ? nullptr
                                        : std::make_unique<reactor::MailboxSender<CoreMessage>>(
                                              loop, mesh.box(self, other), mesh.waker(other)));
    }
  }

  void send(std::size_t to, CoreMessage message) {
    message.from = static_cast<std::uint32_t>(self_);
    senders_[to]->send(message);
  }

 private:
  struct Deliver {
    explicit Deliver(MeshPort& port) : port_(&port) {}
    void operator()(const CoreMessage& message) const { port_->handler_.on_message(message); }
    MeshPort* port_;
  };
  using Receiver = reactor::MailboxReceiver<CoreMessage, Deliver>;

  const std::size_t self_;
  Handler& handler_;
  std::vector<std::unique_ptr<reactor::MailboxSender<CoreMessage>>> senders_;  // by core
  std::vector<std::unique_ptr<Receiver>> receivers_;
};

}  // namespace gyre::adapter
